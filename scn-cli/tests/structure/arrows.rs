//! Finds which file uses names that another file defines.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItem, Item, ItemUse, LitStr, Macro, Meta, Path, Stmt, Visibility};

use crate::imports::{Import, imports};
use crate::modules::{Crate, only_for_tests};
use crate::resolve::Definition;

/// The names for which one file needs another, by (from, to).
pub(crate) type Arrows = BTreeMap<(usize, usize), BTreeSet<String>>;

/// Returns all arrows of a crate.
///
/// An arrow leads from the file that uses a name to the file that defines it, however many
/// re-exports lie between. A private `use` draws an arrow, and so does every path in the code, also
/// inside macros and attributes. `mod`, `pub use` and paths to modules draw none. Methods are not
/// traced, and neither are enum variants imported by a glob.
pub(crate) fn arrows(of: &Crate) -> Arrows {
    let mut drawn = Arrows::new();
    for (module, read) in of.modules.iter().enumerate() {
        let mut walk = Walk {
            of,
            module,
            locals: Vec::new(),
            drawn: &mut drawn,
        };
        // Inline modules are visited by themselves.
        for item in read
            .items
            .iter()
            .filter(|item| !matches!(item, Item::Mod(_)))
        {
            walk.visit_item(item);
        }
    }
    drawn
}

struct Walk<'a> {
    of: &'a Crate,
    module: usize,
    /// Imports of the enclosing blocks, the outermost first.
    locals: Vec<Vec<Import>>,
    drawn: &'a mut Arrows,
}

impl Walk<'_> {
    fn draw(&mut self, path: &[String]) {
        for definition in self.resolve(path) {
            if let Definition::Item { file, name } = definition {
                self.draw_to(file, name);
            }
        }
    }

    fn draw_to(&mut self, file: usize, name: String) {
        let from = self.of.modules[self.module].file;
        if file != from {
            self.drawn.entry((from, file)).or_default().insert(name);
        }
    }

    fn resolve(&self, path: &[String]) -> Vec<Definition> {
        let local = self.locals.iter().rev().flatten();
        match local
            .into_iter()
            .find(|import| import.name.as_ref() == path.first())
        {
            Some(import) => self
                .of
                .resolve(&[&import.path, &path[1..]].concat(), self.module),
            None => self.of.resolve(path, self.module),
        }
    }

    /// Draws arrows for paths in tokens that are not parsed: names joined by `::`, except those
    /// after a dot.
    fn draw_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut before = String::new();
        for token in tokens {
            let now = token.to_string();
            match token {
                TokenTree::Ident(_) if before.ends_with("::") && !path.is_empty() => {
                    path.push(now.clone())
                }
                TokenTree::Ident(_) => {
                    self.draw_path(&mut path);
                    // A field, a method, or a name after `<T>::` belongs to the expression before
                    // it.
                    if before != "." && before != "::" {
                        path.push(now.clone());
                    }
                }
                TokenTree::Group(group) => {
                    self.draw_path(&mut path);
                    self.draw_tokens(group.stream());
                }
                _ => {}
            }
            before = if now == ":" && before == ":" {
                "::".to_owned()
            } else {
                now
            };
        }
        self.draw_path(&mut path);
    }

    fn draw_path(&mut self, path: &mut Vec<String>) {
        if !path.is_empty() {
            self.draw(path);
            path.clear();
        }
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for import in imports(item).into_iter().filter(|import| !import.exported) {
            // For a glob import, an arrow is drawn for each name that is used.
            self.draw(&import.path);
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            let names = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string());
            self.draw(&names.collect::<Vec<_>>());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        visit::visit_macro(self, call);
        if let Some(name) = call.path.get_ident().map(ToString::to_string)
            && let Some(file) = self.of.macro_around(self.module, &name)
        {
            self.draw_to(file, name);
        }
        self.draw_tokens(call.tokens.clone());
    }

    /// Draws arrows for `#[error("{}", crate::a::b(x))]` and `#[serde(with = "crate::a")]`.
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta
            && !["cfg", "cfg_attr", "doc"]
                .iter()
                .any(|name| list.path.is_ident(name))
        {
            self.draw_tokens(list.tokens.clone());
            for token in list.tokens.clone() {
                if let Ok(text) = syn::parse2::<LitStr>(token.into())
                    && list.path.is_ident("serde")
                    && let Ok(path) = text.parse::<Path>()
                {
                    self.visit_path(&path);
                }
            }
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        let uses = block.stmts.iter().filter_map(|statement| match statement {
            Stmt::Item(Item::Use(item)) => Some(item),
            _ => None,
        });
        self.locals.push(
            uses.flat_map(imports)
                .filter(|import| import.name.is_some())
                .collect(),
        );
        visit::visit_block(self, block);
        self.locals.pop();
    }

    /// Draws nothing: `pub(in crate::a)` needs nothing of `a`.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => return visit::visit_impl_item(self, item),
        };
        if !only_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }
}
