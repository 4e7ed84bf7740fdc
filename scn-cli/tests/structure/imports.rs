//! `use` declarations, split into single imports.

use syn::{ItemUse, UseTree, Visibility};

/// One name or one glob of a `use`.
#[derive(Clone)]
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    /// Name in the importing module; none for globs and `as _`.
    pub(crate) name: Option<String>,
    pub(crate) glob: bool,
    /// Whether it is a re-export of any visibility.
    pub(crate) exported: bool,
}

/// Returns all imports of a `use`; none if it starts with `::`, which means another crate.
pub(crate) fn imports(item: &ItemUse) -> Vec<Import> {
    let mut found = Vec::new();
    if item.leading_colon.is_none() {
        let exported = !matches!(item.vis, Visibility::Inherited);
        take_apart(&item.tree, &[], exported, &mut found);
    }
    found
}

fn take_apart(tree: &UseTree, before: &[String], exported: bool, found: &mut Vec<Import>) {
    let with = |last: String| [before, &[last]].concat();
    let import = |path, name, glob| Import {
        path,
        name,
        glob,
        exported,
    };
    match tree {
        UseTree::Path(path) => {
            take_apart(&path.tree, &with(path.ident.to_string()), exported, found);
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                take_apart(tree, before, exported, found);
            }
        }
        UseTree::Name(name) if name.ident == "self" => {
            found.push(import(before.to_vec(), before.last().cloned(), false));
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            found.push(import(with(name.clone()), Some(name), false));
        }
        UseTree::Rename(rename) => {
            let itself = rename.ident == "self";
            let path = if itself {
                before.to_vec()
            } else {
                with(rename.ident.to_string())
            };
            let name = (rename.rename != "_").then(|| rename.rename.to_string());
            found.push(import(path, name, false));
        }
        UseTree::Glob(_) => found.push(import(before.to_vec(), None, true)),
    }
}
