//! Lists in a query parameter: values between commas.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::StrDeserializer;
use serde::de::{Error, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Values that are written between commas, such as `WAITING,FAILURE`. The text of a value must not contain commas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommaList<T>(pub Vec<T>);

struct Values<T>(PhantomData<T>);

impl<T: Serialize> Serialize for CommaList<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut texts = Vec::with_capacity(self.0.len());
        for value in &self.0 {
            match serde_json::to_value(value).map_err(serde::ser::Error::custom)? {
                serde_json::Value::String(text) => texts.push(text),
                other => texts.push(other.to_string()),
            }
        }
        to.serialize_str(&texts.join(","))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for CommaList<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Values(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Values<T> {
    type Value = CommaList<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("values between commas")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<CommaList<T>, E> {
        let value = |text: &str| {
            let text: StrDeserializer<'_, E> = text.into_deserializer();
            T::deserialize(text)
        };
        text.split(',').map(value).collect::<Result<_, _>>().map(CommaList)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;

    #[test]
    fn values_are_between_commas() {
        let list = CommaList(vec![Status::Waiting, Status::Failure]);
        assert_eq!(serde_json::to_string(&list).unwrap(), "\"WAITING,FAILURE\"");
        assert_eq!(serde_json::from_str::<CommaList<Status>>("\"WAITING,FAILURE\"").unwrap(), list);
        assert_eq!(serde_json::from_str::<CommaList<String>>("\"a\"").unwrap(), CommaList(vec!["a".to_owned()]));
        for bad in ["\"\"", "\"WAITING,\"", "\"waiting\"", "7"] {
            assert!(serde_json::from_str::<CommaList<Status>>(bad).is_err(), "{bad}");
        }
    }
}
