//! Circles of files: two files that need each other cannot be understood, tested or moved one by one.
//!
//! A file needs another where it names something of it: by `use`, or by a path that begins with `crate`, `super` or a
//! module below it. A name that a file passes on (`pub use`) leads to where it is from. What is only in tests does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::tokens::{Path as Names, Source};

/// A module, by the names that lead to it from the crate's root.
type Module = Vec<String>;

/// The modules of a crate, one for each file.
struct Crate {
    files: BTreeMap<Module, File>,
}

struct File {
    path: PathBuf,
    source: Source,
}

/// Returns a circle of files in the crate whose sources are below `sources`, each with the name that leads to the next.
pub(crate) fn circle(sources: &Path) -> Option<Vec<String>> {
    let krate = Crate::read(sources);
    let mut search = Search {
        needs: krate.needs(),
        way: Vec::new(),
        done: BTreeSet::new(),
    };
    let circle = krate.files.keys().find_map(|file| search.from(file))?;
    let place = |module: &Module| {
        let path = krate.files.get(module).map(|file| file.path.as_path());
        let path = path.unwrap_or(sources);
        let place = path.strip_prefix(sources).unwrap_or(path);
        place.display().to_string()
    };
    let step = |(from, name): &(Module, String)| format!("{} names {name}", place(from));
    Some(circle.iter().map(step).collect())
}

impl Crate {
    fn read(sources: &Path) -> Self {
        let files = super::rust_files(sources).into_iter().map(|path| {
            let text = fs::read_to_string(&path).expect("a source file is readable");
            let module = module(path.strip_prefix(sources).expect("it is below"));
            let source = Source::read(&text);
            (module, File { path, source })
        });
        Self {
            files: files.collect(),
        }
    }

    /// Returns what each file needs, with a name by which it does.
    fn needs(&self) -> BTreeMap<Module, BTreeMap<Module, String>> {
        let needs = self.files.iter().map(|(module, file)| {
            let named = file.source.named.iter().filter_map(|names| {
                let target = self.resolve(module, names, 0)?;
                (target != *module).then(|| (target, names.join("::")))
            });
            (module.clone(), named.collect())
        });
        needs.collect()
    }

    /// Returns the file in which names are defined, if they are of this crate.
    fn resolve(&self, from: &Module, names: &Names, depth: usize) -> Option<Module> {
        let mut names = names.iter().peekable();
        let mut module = from.clone();
        match names.peek()?.as_str() {
            "crate" => {
                names.next();
                module.clear();
            }
            "self" => drop(names.next()),
            "super" => {
                while names.next_if(|name| *name == "super").is_some() {
                    module.pop();
                }
            }
            first if self.is_module(from, first) => {}
            _ => return None,
        }
        while let Some(name) = names.next() {
            if self.is_module(&module, name) {
                module.push(name.clone());
                continue;
            }
            let passed_on = &self.files.get(&module)?.source.passed_on;
            // Deeper than any chain of `pub use` that ends.
            if let Some(path) = passed_on.get(name).filter(|_| depth < 8) {
                let path: Names = path.iter().chain(names).cloned().collect();
                return self.resolve(&module, &path, depth + 1).or(Some(module));
            }
            break;
        }
        Some(module)
    }

    fn is_module(&self, parent: &Module, name: &str) -> bool {
        let mut module = parent.clone();
        module.push(name.to_owned());
        self.files.contains_key(&module)
    }
}

/// Returns the module that a file is.
fn module(path: &Path) -> Module {
    let names = path.with_extension("");
    let names = names.iter().map(|name| name.to_string_lossy().into_owned());
    let mut names: Module = names.collect();
    let last = names.last().map(String::as_str);
    if matches!(last, Some("lib" | "main" | "mod")) {
        names.pop();
    }
    names
}

/// A search along what files need, deep first.
struct Search {
    needs: BTreeMap<Module, BTreeMap<Module, String>>,
    /// The files on the way, each with the name that leads on.
    way: Vec<(Module, String)>,
    /// Files from which no circle can be reached.
    done: BTreeSet<Module>,
}

impl Search {
    fn from(&mut self, file: &Module) -> Option<Vec<(Module, String)>> {
        if self.done.contains(file) {
            return None;
        }
        if let Some(begin) = self.way.iter().position(|(passed, _)| passed == file) {
            return Some(self.way.split_off(begin));
        }
        for (next, name) in self.needs.get(file).cloned().unwrap_or_default() {
            self.way.push((file.clone(), name));
            if let Some(circle) = self.from(&next) {
                return Some(circle);
            }
            self.way.pop();
        }
        self.done.insert(file.clone());
        None
    }
}
