//! The names in a Rust file, as far as they say which other file it needs.

use std::collections::BTreeMap;

/// Names joined by `::`.
pub(crate) type Path = Vec<String>;

/// The names of a file.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Every path that it names, those of `use` among them.
    pub(crate) named: Vec<Path>,
    /// What it passes on by `pub use`: by its name here, where it is from.
    pub(crate) passed_on: BTreeMap<String, Path>,
}

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let tokens = without_tests(&tokens(text));
        let mut source = Self::default();
        let mut rest = tokens.as_slice();
        while let Some((token, after)) = rest.split_first() {
            rest = after;
            match token.as_str() {
                "pub" => rest = source.read_visible(rest),
                "use" => rest = source.read_use(rest, false),
                _ if is_name(token) => rest = source.read_path(token, rest),
                _ => {}
            }
        }
        source
    }

    /// Reads what follows a `pub`.
    fn read_visible<'t>(&mut self, rest: &'t [String]) -> &'t [String] {
        let rest = match rest.first().map(String::as_str) {
            Some("(") => after(rest, ")"),
            _ => rest,
        };
        match rest.split_first() {
            Some((token, rest)) if token == "use" => self.read_use(rest, true),
            _ => rest,
        }
    }

    /// Reads a declaration to its semicolon.
    fn read_use<'t>(&mut self, rest: &'t [String], passes_on: bool) -> &'t [String] {
        let end = rest.iter().position(|token| token == ";");
        let (tree, rest) = rest.split_at(end.unwrap_or(rest.len()));
        let mut leaves = Vec::new();
        read_tree(&mut tree.iter().peekable(), &Vec::new(), &mut leaves);
        for (name, path) in leaves {
            match passes_on {
                true => drop(self.passed_on.insert(name, path)),
                false => self.named.push(path),
            }
        }
        rest
    }

    /// Reads a path in an expression or a type.
    fn read_path<'t>(&mut self, first: &str, mut rest: &'t [String]) -> &'t [String] {
        let mut path = vec![first.to_owned()];
        while let [colons, name, after @ ..] = rest
            && colons == "::"
            && is_name(name)
        {
            path.push(name.clone());
            rest = after;
        }
        if path.len() > 1 {
            self.named.push(path);
        }
        rest
    }
}

/// Reads the tree of a `use`: `a::{b as c, d::*}` is `a::b` by the name of `c`, and `a::d`.
fn read_tree<'t>(
    tokens: &mut std::iter::Peekable<impl Iterator<Item = &'t String>>,
    prefix: &Path,
    leaves: &mut Vec<(String, Path)>,
) {
    let mut path = prefix.clone();
    let mut name = None;
    while let Some(token) = tokens.next() {
        match token.as_str() {
            "{" => {
                loop {
                    read_tree(tokens, &path, leaves);
                    if tokens.next().is_none_or(|token| token == "}") {
                        break;
                    }
                }
                return;
            }
            "as" => name = tokens.next().cloned(),
            "::" | "*" => {}
            // The path before the brace itself.
            "self" if !path.is_empty() => name = path.last().cloned(),
            _ => path.push(token.clone()),
        }
        if tokens
            .peek()
            .is_none_or(|token| matches!(token.as_str(), "," | "}"))
        {
            break;
        }
    }
    if let Some(last) = path
        .last()
        .filter(|_| path.len() > prefix.len() || name.is_some())
    {
        leaves.push((name.unwrap_or_else(|| last.clone()), path));
    }
}

/// Leaves out what stands under `#[cfg(test)]`.
fn without_tests(tokens: &[String]) -> Vec<String> {
    const TESTS: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut left = Vec::new();
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        let is_test = rest.len() > TESTS.len() && rest.iter().zip(TESTS).all(|(a, b)| a == b);
        if is_test {
            rest = after_item(rest.split_at(TESTS.len()).1);
        } else {
            left.push(token.clone());
            rest = after;
        }
    }
    left
}

/// Returns what follows an item: its semicolon, or its last brace.
fn after_item(tokens: &[String]) -> &[String] {
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            ";" => {}
            _ => continue,
        }
        if depth == 0 {
            return tokens.split_at(place + 1).1;
        }
    }
    &[]
}

fn after<'t>(tokens: &'t [String], end: &str) -> &'t [String] {
    let place = tokens.iter().position(|token| token == end);
    place.map_or(&[], |place| tokens.split_at(place + 1).1)
}

fn is_name(token: &str) -> bool {
    token.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// Cuts a text into names, `::` and single characters, without comments, strings and spaces.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if rest.starts_with("r#\"") => rest.find("\"#").map_or(rest.len(), |end| end + 2),
            '"' => quoted(rest, '"'),
            '\'' if is_char(rest) => quoted(rest, '\''),
            ':' if rest.starts_with("::") => {
                tokens.push("::".to_owned());
                2
            }
            letter if letter.is_alphanumeric() || letter == '_' => {
                let part_of_name = |letter: char| letter.is_alphanumeric() || letter == '_';
                let length = rest.find(|letter| !part_of_name(letter));
                let length = length.unwrap_or(rest.len());
                tokens.push(rest.split_at(length).0.to_owned());
                length
            }
            space if space.is_whitespace() => space.len_utf8(),
            other => {
                tokens.push(other.to_string());
                other.len_utf8()
            }
        };
        rest = rest.split_at(length).1;
    }
    tokens
}

/// Tells a character from a lifetime.
fn is_char(text: &str) -> bool {
    let mut letters = text.chars().skip(1);
    letters.next() == Some('\\') || letters.next() == Some('\'')
}

/// Returns the length of a literal with its quotes.
fn quoted(text: &str, quote: char) -> usize {
    let mut letters = text.char_indices().skip(1);
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            letter if letter == quote => return place + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[test]
fn names_are_found_in_trees_and_paths_but_not_in_tests_and_texts() {
    let source = Source::read(
        "pub(crate) use below::{First, second::Third as Fourth};\n\
         use crate::{a::{self, B}, c::D}; // use crate::x::Y;\n\
         #[cfg(test)]\nmod tests { use crate::only::InTests; }\n\
         fn f<'a>() -> super::E { \"crate::in::Text\"; '\"'; crate::g::h() }\n",
    );
    let named: Vec<_> = source.named.iter().map(|path| path.join("::")).collect();
    assert_eq!(
        named,
        [
            "crate::a",
            "crate::a::B",
            "crate::c::D",
            "super::E",
            "crate::g::h"
        ]
    );
    let passed_on: Vec<_> = source
        .passed_on
        .iter()
        .map(|(name, path)| format!("{name}={}", path.join("::")))
        .collect();
    assert_eq!(
        passed_on,
        ["First=below::First", "Fourth=below::second::Third"]
    );
}
