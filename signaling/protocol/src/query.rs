//! The query of a URL.

use crate::limits::MAX_QUERY_VALUES;

/// The decoded query of a request.
#[derive(Clone, Debug, Default)]
pub struct Query {
    values: Vec<(String, String)>,
}

impl Query {
    /// Reads what follows the `?` of a URL. Nothing in it can be wrong: percent signs that decode
    /// to nothing stay as they are.
    pub fn read(raw: &str) -> Self {
        Self {
            values: form_urlencoded::parse(raw.as_bytes())
                .take(MAX_QUERY_VALUES)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        }
    }

    /// Returns the first value with this name, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Reads a flag: `1` and `true` are yes, every other text is no, absence is `None`.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value == "1" || value == "true")
    }

    /// Reads a whole number. What is none counts as absent.
    pub fn number(&self, name: &str) -> Option<i32> {
        self.get(name)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_names_counts() {
        let query = Query::read("a=1&a=2&b=x%20y");
        assert_eq!(query.get("a"), Some("1"));
        assert_eq!(query.get("b"), Some("x y"));
    }

    #[test]
    fn an_empty_value_is_absent() {
        let query = Query::read("a=&b");
        assert_eq!(query.get("a"), None);
        assert_eq!(query.flag("b"), None);
    }

    #[test]
    fn one_and_true_are_yes_and_all_else_is_no() {
        let query = Query::read("a=1&b=true&c=0&d=yes");
        assert_eq!(query.flag("a"), Some(true));
        assert_eq!(query.flag("b"), Some(true));
        assert_eq!(query.flag("c"), Some(false));
        assert_eq!(query.flag("d"), Some(false));
    }
}
