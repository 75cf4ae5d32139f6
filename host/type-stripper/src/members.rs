//! Blanks out the types of classes.

use oxc_ast::ast::{
    AccessorProperty, AccessorPropertyType, Class, ClassElement, MethodDefinition, MethodDefinitionType,
    PropertyDefinition, PropertyDefinitionType, PropertyKey, TSTypeAnnotation,
};
use oxc_ast_visit::Visit as _;
use oxc_ast_visit::walk::{walk_accessor_property, walk_class, walk_method_definition, walk_property_definition};
use oxc_span::{GetSpan, Span};

use crate::eraser::Eraser;
use crate::{erased, trivia};

/// Keywords before a member that only mean something to TypeScript.
const MODIFIERS: [&str; 7] = ["public", "private", "protected", "readonly", "override", "abstract", "declare"];

/// Keywords before a member that stay.
const KEPT: [&str; 5] = ["static", "async", "get", "set", "accessor"];

impl Eraser<'_> {
    pub(crate) fn class<'a>(&mut self, class: &Class<'a>) {
        let text = self.edits.text;
        let mut head = class.decorators.last().map_or(class.span.start, |last| last.span.end) as usize;
        if class.r#abstract
            && let Some(at) = trivia::next_is(text, head, "abstract")
        {
            head = at + "abstract".len();
            self.edits.blank(at..head);
        }
        let keyword = trivia::next_is(text, head, "class").map_or(head, |at| at + "class".len());
        if !class.implements.is_empty() {
            let heritage = class.heritage.as_ref().map(|heritage| match &heritage.type_arguments {
                Some(arguments) => arguments.span.end,
                None => heritage.expression.span().end,
            });
            let parameters = class.type_parameters.as_ref().map(|parameters| parameters.span.end);
            let end = heritage.or(parameters).or(class.id.as_ref().map(|id| id.span.end));
            self.edits.blank(end.map_or(keyword, |end| end as usize)..class.body.span.start as usize);
        }
        walk_class(self, class);
    }

    pub(crate) fn member<'a>(&mut self, member: &ClassElement<'a>) {
        let is_erased = match member {
            ClassElement::StaticBlock(_) => false,
            ClassElement::MethodDefinition(it) => {
                it.r#type == MethodDefinitionType::TSAbstractMethodDefinition || erased::is_signature(&it.value)
            }
            ClassElement::PropertyDefinition(it) => {
                it.declare || it.r#type == PropertyDefinitionType::TSAbstractPropertyDefinition
            }
            ClassElement::AccessorProperty(it) => it.r#type == AccessorPropertyType::TSAbstractAccessorProperty,
            ClassElement::TSIndexSignature(_) => true,
        };
        let span = member.span();
        if is_erased {
            return self.remove(span);
        }
        match member {
            ClassElement::StaticBlock(it) => self.visit_static_block(it),
            ClassElement::MethodDefinition(it) => self.method(it),
            ClassElement::PropertyDefinition(it) => self.property(it),
            ClassElement::AccessorProperty(it) => self.accessor(it),
            ClassElement::TSIndexSignature(_) => {}
        }
        self.end(span);
    }

    fn method<'a>(&mut self, it: &MethodDefinition<'a>) {
        self.modifiers(it.span, &it.key);
        let end = self.key_end(&it.key, it.computed);
        if it.optional {
            self.token(end, "?");
        }
        walk_method_definition(self, it);
    }

    fn property<'a>(&mut self, it: &PropertyDefinition<'a>) {
        self.modifiers(it.span, &it.key);
        let end = self.key_end(&it.key, it.computed);
        self.annotated(end, it.type_annotation.as_deref(), it.optional, it.definite);
        walk_property_definition(self, it);
    }

    fn accessor<'a>(&mut self, it: &AccessorProperty<'a>) {
        self.modifiers(it.span, &it.key);
        let end = self.key_end(&it.key, it.computed);
        self.annotated(end, it.type_annotation.as_deref(), false, it.definite);
        walk_accessor_property(self, it);
    }

    /// Blanks the type of a name that ends at a byte, with `?` or `!` before it.
    pub(crate) fn annotated(
        &mut self,
        end: usize,
        annotation: Option<&TSTypeAnnotation<'_>>,
        is_optional: bool,
        is_definite: bool,
    ) {
        match annotation {
            Some(annotation) => self.edits.blank(end..annotation.span.end as usize),
            None if is_optional => self.token(end, "?"),
            None if is_definite => self.token(end, "!"),
            None => {}
        }
    }

    /// Blanks a token, if it is the next one.
    pub(crate) fn token(&mut self, from: usize, token: &str) {
        if let Some(at) = trivia::next_is(self.edits.text, from, token) {
            self.edits.blank(at..at + token.len());
        }
    }

    /// Returns where the name of a member ends.
    fn key_end(&self, key: &PropertyKey<'_>, is_computed: bool) -> usize {
        let end = key.span().end as usize;
        let bracket = is_computed.then(|| trivia::next_is(self.edits.text, end, "]")).flatten();
        bracket.map_or(end, |at| at + 1)
    }

    /// Blanks the modifiers of a member.
    fn modifiers(&mut self, member: Span, key: &PropertyKey<'_>) {
        let (text, key) = (self.edits.text, key.span().start as usize);
        let start = trivia::skip(text, member.start as usize);
        let mut at = start;
        while at < key {
            let word = trivia::word(text, at);
            let end = at + word.len();
            if MODIFIERS.contains(&word) {
                self.edits.blank(at..end);
                if at == start {
                    // The member before it may end without a semicolon, which the modifier has made unnecessary.
                    self.edits.put(at, b';');
                }
            } else if !KEPT.contains(&word) {
                return;
            }
            at = trivia::skip(text, end);
        }
    }
}
