//! TypeScript that is more than types: it would need code that the author did not write.

/// An error at a byte of the text.
#[derive(Debug)]
pub(crate) struct Error {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// Why a construct is refused, and what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Enum,
    Namespace,
    ParameterProperty,
    ImportEquals,
    ExportEquals,
    TypeAssertion,
    Decorator,
}

impl Refused {
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Enum => {
                "`enum` cannot be erased, because it makes values: write an object, such as `const Color = { Red: 'red' } as \
                 const`, and the type `type Color = (typeof Color)[keyof typeof Color]`"
            }
            Self::Namespace => {
                "a namespace with values cannot be erased: put them into a file and import it. A namespace of types, or one with \
                 `declare`, is allowed"
            }
            Self::ParameterProperty => {
                "a parameter with `public`, `private`, `protected`, `readonly` or `override` cannot be erased, because it makes a \
                 property: declare the property in the class, and assign to it in the constructor"
            }
            Self::ImportEquals => {
                "`import … =` cannot be erased: write `import name from './file.ts'`, or `const name = …` for a member of a \
                 namespace"
            }
            Self::ExportEquals => "`export =` cannot be erased: write `export default`, or export names",
            Self::TypeAssertion => "the assertion `<Type>value` is not supported: write `value as Type`",
            Self::Decorator => "decorators are not supported: call the function yourself",
        }
    }
}
