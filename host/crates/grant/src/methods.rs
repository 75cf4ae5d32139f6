//! Methods of HTTP requests.

use std::fmt;

/// A standard method. CONNECT and TRACE are not among them: the one opens a tunnel to anywhere, the other shows headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Fetches.
    Get,
    /// Fetches headers alone.
    Head,
    /// Sends.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
    /// Asks what is possible.
    Options,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 7] = [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];

    /// Returns its name in requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    /// Parses a name. Names of methods are in upper case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// A set of methods.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Methods(u8);

impl Methods {
    /// No method.
    pub const NONE: Self = Self(0);

    /// All methods.
    pub const ALL: Self = Self((1 << Method::ALL.len()) - 1);

    /// Returns whether requests with the method of this name are allowed.
    pub fn allow(self, name: &str) -> bool {
        Method::parse(name).is_some_and(|method| self.contains(method))
    }

    /// Returns whether the method is in the set.
    pub fn contains(self, method: Method) -> bool {
        self.0 & (1 << method as u8) != 0
    }

    /// Returns the methods that both sets have.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the methods that `other` does not have.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns whether no method is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the methods.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL.into_iter().filter(move |method| self.contains(*method))
    }
}

impl FromIterator<Method> for Methods {
    fn from_iter<I: IntoIterator<Item = Method>>(methods: I) -> Self {
        Self(methods.into_iter().fold(0, |set, method| set | (1 << method as u8)))
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Method::name).collect();
        f.write_str(&names.join(", "))
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_methods_that_were_put_in() {
        let set: Methods = [Method::Post, Method::Get].into_iter().collect();
        assert_eq!(set.to_string(), "GET, POST");
        assert!(set.allow("GET") && !set.allow("get") && !set.allow("PUT") && !set.allow("TRACE"));
        assert_eq!(Methods::ALL.iter().count(), Method::ALL.len());
        assert_eq!(Methods::ALL.without(set).intersection(set), Methods::NONE);
    }
}
