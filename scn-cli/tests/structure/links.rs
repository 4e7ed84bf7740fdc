//! Links between documents, and out of them.

use std::path::Path;

use http::Uri;

use crate::document::Document;

/// Describes every link of a document that leads nowhere. Addresses are judged by their form only.
pub(crate) fn wrong(all: &[Document], document: &Document) -> Vec<String> {
    let found = document.links.iter().filter_map(|(line, link)| {
        let wrong = judge(all, document, link)?;
        Some(format!("line {line}: {link}: {wrong}"))
    });
    found.collect()
}

fn judge(all: &[Document], document: &Document, link: &str) -> Option<&'static str> {
    if link.contains("://") {
        let well_formed = link.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| host.contains('.'))
        });
        return (!well_formed).then_some("not a well-formed address");
    }
    let (path, anchor) = match link.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (link, None),
    };
    let target = match path.is_empty() {
        true => document.path.clone(),
        false => document.path.parent()?.join(path),
    };
    let Ok(target) = target.canonicalize() else {
        return Some("no such file");
    };
    let anchor = anchor?;
    let mut named = all.iter().filter(|other| other.path == target);
    let there = named.any(|other| other.anchors.contains(anchor));
    (!there).then_some("no such heading")
}

/// Describes every link that leaves `folder`.
pub(crate) fn outside(document: &Document, folder: &Path) -> Vec<String> {
    let relative = document
        .links
        .iter()
        .filter(|(_, link)| !link.contains("://"));
    let found = relative.filter_map(|(line, link)| {
        let path = link.split('#').next()?;
        let target = folder.join(path).canonicalize().ok()?;
        let inside = target.starts_with(folder);
        (!inside).then(|| format!("line {line}: {link} is not in the package"))
    });
    found.collect()
}
