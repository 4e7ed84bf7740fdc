//! Resolves paths to the files that define them, through imports, re-exports and globs.

use syn::Item;

use crate::modules::{Crate, Name};

/// Meaning of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Definition {
    Module(usize),
    Item {
        file: usize,
        name: String,
    },
    /// An item of another crate, or of a block of code.
    Foreign,
}

/// Lookups in progress, to stop at cyclic imports.
type Begun = Vec<(usize, String)>;

impl Crate {
    /// Returns the definitions of `path` as seen from `module`. There are several if a name is a
    /// module and an item.
    pub(crate) fn resolve(&self, path: &[String], module: usize) -> Vec<Definition> {
        self.resolve_within(path, module, &mut Begun::new())
    }

    fn resolve_within(&self, path: &[String], from: usize, begun: &mut Begun) -> Vec<Definition> {
        let mut start = from;
        let mut rest = path;
        while let [first, behind @ ..] = rest {
            start = match (first.as_str(), self.modules[start].parent) {
                ("crate", _) => 0,
                ("self", _) => start,
                ("super", Some(parent)) => parent,
                _ => break,
            };
            rest = behind;
        }
        let mut found = vec![Definition::Module(start)];
        for (depth, name) in rest.iter().enumerate() {
            let module = found.iter().find_map(|definition| match definition {
                Definition::Module(id) => Some(*id),
                _ => None,
            });
            // Whatever follows an item is its variant, its method or an associated item.
            let Some(module) = module else { return found };
            found = self.lookup(module, name, from, begun);
            if found.is_empty() {
                let bare = depth == 0 && rest.len() == path.len();
                // A name without a visible definition in this module comes from a macro called
                // there.
                let made = Definition::Item {
                    file: self.modules[module].file,
                    name: name.clone(),
                };
                return vec![if bare { Definition::Foreign } else { made }];
            }
        }
        found
    }

    /// Looks up `name` in `module`, as visible from the module `from`.
    fn lookup(&self, module: usize, name: &str, from: usize, begun: &mut Begun) -> Vec<Definition> {
        let key = (module, name.to_owned());
        if begun.contains(&key) {
            return Vec::new();
        }
        begun.push(key);
        let Self { modules, .. } = self;
        let shown = |exported: bool| exported || self.is_inside(from, module);
        let mut found = Vec::new();
        for meaning in modules[module].names.get(name).into_iter().flatten() {
            match meaning {
                Name::Module(id) => found.push(Definition::Module(*id)),
                Name::Item(file) => {
                    found.push(Definition::Item {
                        file: *file,
                        name: name.to_owned(),
                    });
                }
                Name::Import(import) if shown(import.exported) => {
                    found.extend(self.resolve_within(&import.path, module, begun));
                }
                Name::Import(_) => {}
            }
        }
        if found.is_empty() {
            for glob in modules[module]
                .globs
                .iter()
                .filter(|glob| shown(glob.exported))
            {
                for target in self.resolve_within(&glob.path, module, begun) {
                    if let Definition::Module(id) = target {
                        found.extend(self.lookup(id, name, module, begun));
                    }
                }
            }
        }
        begun.pop();
        found
    }

    /// Returns the file of the macro that a call `name!` in `module` refers to, if it is defined in
    /// an enclosing module. Such macros are visible without an import.
    pub(crate) fn macro_around(&self, module: usize, name: &str) -> Option<usize> {
        let parent = self.modules[module].parent?;
        let is_it = |item: &Item| matches!(item, Item::Macro(item) if item.ident.as_ref().is_some_and(|ident| ident == name));
        match self.modules[parent].items.iter().any(is_it) {
            true => Some(self.modules[parent].file),
            false => self.macro_around(parent, name),
        }
    }

    fn is_inside(&self, module: usize, ancestor: usize) -> bool {
        let mut at = Some(module);
        while let Some(id) = at {
            if id == ancestor {
                return true;
            }
            at = self.modules[id].parent;
        }
        false
    }
}
