//! The modules of a crate: their files, and the names that they define and import.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, ItemMod, Meta, Token, punctuated::Punctuated};

use crate::imports::{Import, imports};

/// A crate as parsed from its source files, without items that are only compiled for tests.
#[derive(Default)]
pub(crate) struct Crate {
    /// Paths below `src`, in the order in which modules declare them.
    pub(crate) files: Vec<String>,
    /// Modules, the crate root first. An inline module belongs to the file around it.
    pub(crate) modules: Vec<Module>,
}

#[derive(Default)]
pub(crate) struct Module {
    pub(crate) file: usize,
    pub(crate) parent: Option<usize>,
    pub(crate) items: Vec<Item>,
    pub(crate) names: HashMap<String, Vec<Name>>,
    pub(crate) globs: Vec<Import>,
}

/// Meaning of a name. A name can be a module and a function at the same time.
pub(crate) enum Name {
    Module(usize),
    /// An item defined in this file.
    Item(usize),
    Import(Import),
}

impl Crate {
    /// Reads the crate whose root (`lib.rs` or `main.rs`) is in `src`.
    pub(crate) fn read(src: &Path) -> Crate {
        let roots = ["lib.rs", "main.rs"].map(|name| src.join(name));
        let root = roots.iter().find(|path| path.is_file());
        let root = root.unwrap_or_else(|| panic!("no lib.rs or main.rs in {}", src.display()));
        let mut read = Crate::default();
        read.read_file(src, root, src, None);
        read
    }

    /// Reads the file at `path`. Its child modules are looked up in `children`.
    fn read_file(
        &mut self,
        src: &Path,
        path: &Path,
        children: &Path,
        parent: Option<usize>,
    ) -> usize {
        let shown = path.display();
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{shown}: {e}"));
        let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{shown}: {e}"));
        let below_src = path
            .strip_prefix(src)
            .expect("files of modules stand in src");
        let file = self.files.len();
        self.files
            .push(below_src.to_string_lossy().replace('\\', "/"));
        let place = Place {
            src,
            children: children.to_owned(),
            file,
        };
        self.read_module(&place, parent, parsed.items)
    }

    fn read_module(&mut self, place: &Place, parent: Option<usize>, items: Vec<Item>) -> usize {
        let id = self.modules.len();
        self.modules.push(Module {
            file: place.file,
            parent,
            ..Module::default()
        });
        let mut bound: Vec<(String, Name)> = Vec::new();
        let mut globs = Vec::new();
        let kept = items
            .into_iter()
            .filter(|item| !only_for_tests(attributes(item)));
        let items: Vec<Item> = kept.collect();
        for item in &items {
            match item {
                Item::Mod(child) => {
                    let child_id = self.read_child(place, id, child);
                    bound.push((child.ident.to_string(), Name::Module(child_id)));
                }
                Item::Use(item) => {
                    for import in imports(item) {
                        match import.name.clone() {
                            _ if import.glob => globs.push(import),
                            Some(name) => bound.push((name, Name::Import(import))),
                            None => {}
                        }
                    }
                }
                _ => {
                    let Some(name) = defined(item) else { continue };
                    if is_exported_macro(item) {
                        let root = self.modules[0].names.entry(name.clone()).or_default();
                        root.push(Name::Item(place.file));
                    }
                    bound.push((name, Name::Item(place.file)));
                }
            }
        }
        let module = &mut self.modules[id];
        for (name, meaning) in bound {
            module.names.entry(name).or_default().push(meaning);
        }
        module.items = items;
        module.globs = globs;
        id
    }

    fn read_child(&mut self, place: &Place, parent: usize, child: &ItemMod) -> usize {
        let folder = place.children.join(child.ident.to_string());
        if let Some((_, items)) = &child.content {
            let inline = Place {
                children: folder,
                ..*place
            };
            return self.read_module(&inline, Some(parent), items.clone());
        }
        let beside = folder.with_extension("rs");
        let path = if beside.is_file() {
            beside
        } else {
            folder.join("mod.rs")
        };
        self.read_file(place.src, &path, &folder, Some(parent))
    }
}

/// Where a module is read from.
struct Place<'a> {
    src: &'a Path,
    children: PathBuf,
    file: usize,
}

/// Whether the macro is also bound in the crate root.
fn is_exported_macro(item: &Item) -> bool {
    matches!(item, Item::Macro(_))
        && attributes(item)
            .iter()
            .any(|attribute| attribute.path().is_ident("macro_export"))
}

/// Returns the name that an item binds in its module.
fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether `#[test]` or `#[cfg(test)]` (also inside `all`) excludes the item from all other builds.
pub(crate) fn only_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => list
            .parse_args::<Meta>()
            .is_ok_and(|condition| needs_test(&condition)),
        _ => false,
    })
}

fn needs_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .is_ok_and(|parts| parts.iter().any(needs_test)),
        _ => false,
    }
}
