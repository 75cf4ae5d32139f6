//! Which statements are types only, so that nothing of them is left.

use oxc_ast::ast::{
    Declaration, ExportDefaultDeclarationKind, Function, ImportOrExportKind, Statement, TSNamespaceDeclaration,
    TSNamespaceDeclarationBody,
};

/// Whether nothing of a statement exists when it runs.
pub(crate) fn is_erased(statement: &Statement<'_>) -> bool {
    if let Some(declaration) = statement.as_declaration() {
        return is_declaration_erased(declaration);
    }
    let is_type = |kind: ImportOrExportKind| kind == ImportOrExportKind::Type;
    match statement {
        Statement::ImportDeclaration(it) => is_type(it.import_kind),
        Statement::ExportAllDeclaration(it) => is_type(it.export_kind),
        Statement::ExportNamedDeclaration(it) => is_type(it.export_kind),
        Statement::ExportFromDeclaration(it) => is_type(it.export_kind),
        Statement::ExportDeclaration(it) => is_declaration_erased(&it.declaration),
        Statement::ExportDefaultDeclaration(it) => match &it.declaration {
            ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => true,
            ExportDefaultDeclarationKind::FunctionDeclaration(function) => is_signature(function),
            _ => false,
        },
        Statement::TSNamespaceExportDeclaration(_) => true,
        _ => false,
    }
}

fn is_declaration_erased(declaration: &Declaration<'_>) -> bool {
    match declaration {
        Declaration::TSTypeAliasDeclaration(_)
        | Declaration::TSInterfaceDeclaration(_)
        | Declaration::TSGlobalDeclaration(_) => true,
        Declaration::VariableDeclaration(it) => it.declare,
        Declaration::FunctionDeclaration(it) => is_signature(it),
        Declaration::ClassDeclaration(it) => it.declare,
        Declaration::TSEnumDeclaration(it) => it.declare,
        Declaration::TSExternalModuleDeclaration(it) => it.declare,
        Declaration::TSNamespaceDeclaration(it) => it.declare || has_only_types(it),
        Declaration::TSImportEqualsDeclaration(it) => it.import_kind == ImportOrExportKind::Type,
    }
}

/// Whether a function has no body: it is declared elsewhere, or overloaded.
pub(crate) fn is_signature(function: &Function<'_>) -> bool {
    function.declare || function.body.is_none()
}

fn has_only_types(namespace: &TSNamespaceDeclaration<'_>) -> bool {
    match &namespace.body {
        TSNamespaceDeclarationBody::TSNamespaceDeclaration(inner) => has_only_types(inner),
        TSNamespaceDeclarationBody::TSModuleBlock(block) => block.body.iter().all(is_erased),
    }
}
