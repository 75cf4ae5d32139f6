//! Walks the syntax tree and blanks out what is TypeScript's.
//!
//! Where a blank could change how the rest is read, a character is put into it: `;` where a statement ended only because its
//! type did, and brackets where a line end may not be.

use oxc_ast::ast::{
    ArrowFunctionExpression, CatchParameter, Class, ClassElement, Decorator, ExportSpecifier, FormalParameter,
    FormalParameterRest, FormalParameters, Function, ImportOrExportKind, ImportSpecifier, Statement, TSAsExpression,
    TSEnumDeclaration, TSExportAssignment, TSExternalModuleDeclaration, TSImportEqualsDeclaration,
    TSNamespaceDeclaration, TSNonNullExpression, TSSatisfiesExpression, TSThisParameter, TSTypeAnnotation,
    TSTypeAssertion, TSTypeParameterDeclaration, TSTypeParameterInstantiation, VariableDeclarator,
};
use oxc_ast_visit::Visit;
use oxc_ast_visit::walk::{
    walk_arrow_function_expression, walk_catch_parameter, walk_formal_parameter, walk_formal_parameter_rest,
    walk_function, walk_statement, walk_variable_declarator,
};
use oxc_span::{GetSpan, Span};
use oxc_syntax::scope::ScopeFlags;

use crate::edits::Edits;
use crate::erased::is_erased;
use crate::refused::{Error, Refused};
use crate::trivia;

/// What has been found so far.
pub(crate) struct Eraser<'t> {
    pub(crate) edits: Edits<'t>,
    errors: Vec<Error>,
}

impl<'t> Eraser<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { edits: Edits::new(text), errors: Vec::new() }
    }

    /// Returns the text without types, or everything that cannot be erased.
    pub(crate) fn finish(self) -> Result<String, Vec<Error>> {
        if self.errors.is_empty() { Ok(self.edits.apply()) } else { Err(self.errors) }
    }

    fn refuse(&mut self, span: Span, why: Refused) {
        self.errors.push(Error { at: span.start as usize, message: why.message().to_owned() });
    }

    fn blank(&mut self, span: Span) {
        self.edits.blank(span.start as usize..span.end as usize);
    }

    /// Removes a statement or a member of a class.
    pub(crate) fn remove(&mut self, span: Span) {
        self.blank(span);
        // What comes before it may end without a semicolon.
        self.edits.put(span.start as usize, b';');
    }

    /// Ends a statement or a member of a class, if it ends with a type and without a semicolon.
    pub(crate) fn end(&mut self, span: Span) {
        let (start, end) = (span.start as usize, span.end as usize);
        if self.edits.is_blanked_before(end) && !self.edits.text[..end].ends_with(';') {
            self.edits.put_last(start..end, b';');
        }
    }

    /// Blanks an item of a list with the comma after it.
    fn blank_item(&mut self, span: Span) {
        self.blank(span);
        self.token(span.end as usize, ",");
    }

    /// Blanks what follows an expression.
    fn blank_after(&mut self, expression: Span, whole: Span) {
        self.edits.blank(expression.end as usize..whole.end as usize);
    }

    /// Keeps an arrow function on one line with what must not be separated from it by a line end: what precedes its
    /// parameters, and the arrow after them.
    fn join_arrow(&mut self, it: &ArrowFunctionExpression<'_>) {
        let text = self.edits.text;
        let (open, close) = (it.params.span.start as usize, it.params.span.end as usize);
        if let Some(parameters) = &it.type_parameters {
            let start = parameters.span.start as usize;
            if trivia::has_line_end(&text[start..open]) {
                self.edits.blank(start..open + 1);
                self.edits.put(start, b'(');
            }
        }
        if let Some(result) = &it.return_type {
            let end = result.span.end as usize;
            if trivia::has_line_end(&text[close..end]) {
                self.edits.blank(close - 1..end);
                self.edits.put_last(close..end, b')');
            }
        }
    }

    /// Blanks the parameter `this` with the comma after it.
    fn this_parameter(&mut self, this: &TSThisParameter<'_>, parameters: &FormalParameters<'_>) {
        let rest = parameters.rest.as_ref().map(|rest| rest.span.start);
        let next = parameters.items.first().map(|first| first.span.start).or(rest);
        let end = next.map_or(parameters.span.end as usize - 1, |next| next as usize);
        self.edits.blank(this.span.start as usize..end);
    }
}

impl<'a> Visit<'a> for Eraser<'_> {
    fn visit_statement(&mut self, it: &Statement<'a>) {
        if is_erased(it) {
            return self.remove(it.span());
        }
        walk_statement(self, it);
        self.end(it.span());
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        self.annotated(it.id.span().end as usize, it.type_annotation.as_deref(), false, it.definite);
        walk_variable_declarator(self, it);
    }

    fn visit_catch_parameter(&mut self, it: &CatchParameter<'a>) {
        self.annotated(it.pattern.span().end as usize, it.type_annotation.as_deref(), false, false);
        walk_catch_parameter(self, it);
    }

    fn visit_formal_parameter(&mut self, it: &FormalParameter<'a>) {
        if it.accessibility.is_some() || it.readonly || it.r#override {
            self.refuse(it.span, Refused::ParameterProperty);
        }
        self.annotated(it.pattern.span().end as usize, it.type_annotation.as_deref(), it.optional, false);
        walk_formal_parameter(self, it);
    }

    fn visit_formal_parameter_rest(&mut self, it: &FormalParameterRest<'a>) {
        self.annotated(it.rest.argument.span().end as usize, it.type_annotation.as_deref(), false, false);
        walk_formal_parameter_rest(self, it);
    }

    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        if let Some(this) = &it.this_param {
            self.this_parameter(this, &it.params);
        }
        walk_function(self, it, flags);
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        self.join_arrow(it);
        walk_arrow_function_expression(self, it);
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        self.class(it);
    }

    fn visit_class_element(&mut self, it: &ClassElement<'a>) {
        self.member(it);
    }

    fn visit_import_specifier(&mut self, it: &ImportSpecifier<'a>) {
        if it.import_kind == ImportOrExportKind::Type {
            self.blank_item(it.span);
        }
    }

    fn visit_export_specifier(&mut self, it: &ExportSpecifier<'a>) {
        if it.export_kind == ImportOrExportKind::Type {
            self.blank_item(it.span);
        }
    }

    fn visit_ts_this_parameter(&mut self, _: &TSThisParameter<'a>) {}

    fn visit_ts_type_annotation(&mut self, it: &TSTypeAnnotation<'a>) {
        self.blank(it.span);
    }

    fn visit_ts_type_parameter_declaration(&mut self, it: &TSTypeParameterDeclaration<'a>) {
        self.blank(it.span);
    }

    fn visit_ts_type_parameter_instantiation(&mut self, it: &TSTypeParameterInstantiation<'a>) {
        self.blank(it.span);
    }

    fn visit_ts_as_expression(&mut self, it: &TSAsExpression<'a>) {
        self.visit_expression(&it.expression);
        self.blank_after(it.expression.span(), it.span);
    }

    fn visit_ts_satisfies_expression(&mut self, it: &TSSatisfiesExpression<'a>) {
        self.visit_expression(&it.expression);
        self.blank_after(it.expression.span(), it.span);
    }

    fn visit_ts_non_null_expression(&mut self, it: &TSNonNullExpression<'a>) {
        self.visit_expression(&it.expression);
        self.blank_after(it.expression.span(), it.span);
    }

    fn visit_ts_class_implements_list(&mut self, _: &oxc_allocator::ArenaVec<'a, oxc_ast::ast::TSClassImplements<'a>>) {
        // The class has blanked them with their keyword.
    }

    fn visit_ts_type_assertion(&mut self, it: &TSTypeAssertion<'a>) {
        self.refuse(it.span, Refused::TypeAssertion);
        self.visit_expression(&it.expression);
    }

    fn visit_ts_enum_declaration(&mut self, it: &TSEnumDeclaration<'a>) {
        self.refuse(it.span, Refused::Enum);
    }

    fn visit_ts_namespace_declaration(&mut self, it: &TSNamespaceDeclaration<'a>) {
        self.refuse(it.span, Refused::Namespace);
    }

    fn visit_ts_external_module_declaration(&mut self, it: &TSExternalModuleDeclaration<'a>) {
        self.refuse(it.span, Refused::Namespace);
    }

    fn visit_ts_import_equals_declaration(&mut self, it: &TSImportEqualsDeclaration<'a>) {
        self.refuse(it.span, Refused::ImportEquals);
    }

    fn visit_ts_export_assignment(&mut self, it: &TSExportAssignment<'a>) {
        self.refuse(it.span, Refused::ExportEquals);
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.refuse(it.span, Refused::Decorator);
    }
}
