//! Confusion of classes, as a table that fits a terminal.

use crate::readable::percent;
use crate::table::{Table, WIDTH, left, right, shortened};

/// Maximum number of characters of a class name.
const LONGEST_NAME: usize = 16;

/// Minimum number of characters of a class name above its column.
const SHORTEST_NAME: usize = 3;

/// Width of the error column, including the space before it.
const ERROR: usize = 9;

/// Number of mistakes listed if the matrix is too wide.
const LISTED: usize = 10;

/// Formats the confusion matrix, or the most frequent mistakes if the matrix is wider than a
/// terminal.
///
/// `confusion[label][prediction]` is a number of images.
pub(super) fn describe(names: &[String], confusion: &[Vec<u64>]) -> String {
    match headings(names, confusion) {
        Some(headings) => matrix(&headings, confusion),
        None => most_frequent(names, confusion),
    }
}

/// Returns distinct row and column headings for all classes, or None if they do not fit a terminal.
fn headings(names: &[String], confusion: &[Vec<u64>]) -> Option<Vec<[String; 2]>> {
    let most = confusion.iter().flatten().max().copied().unwrap_or(0);
    let digits = most.to_string().len();
    let named: Vec<[String; 2]> = names
        .iter()
        .map(|name| [shortened(name, LONGEST_NAME), name.clone()])
        .collect();
    let numbered: Vec<[String; 2]> = named
        .iter()
        .enumerate()
        .map(|(class, [name, _])| [format!("{class} {name}"), class.to_string()])
        .collect();
    let longest = |headings: &[[String; 2]], side: usize| {
        let lengths = headings.iter().map(|heading| heading[side].chars().count());
        lengths.max().unwrap_or(0)
    };
    let room = |headings: &[[String; 2]]| {
        let left = WIDTH.checked_sub(longest(headings, 0).max("label".len()) + ERROR)?;
        // Each column has a space before it.
        (left / names.len().max(1)).checked_sub(1)
    };
    let short = |room: usize| {
        let short = named.iter().map(|[row, column]| {
            let column: String = column.chars().take(room).collect();
            [row.clone(), column]
        });
        short.collect::<Vec<_>>()
    };
    let differ = |headings: &[[String; 2]]| {
        (0..2).all(|side| {
            let mut names: Vec<&String> = headings.iter().map(|heading| &heading[side]).collect();
            names.sort_unstable();
            names.dedup();
            names.len() == headings.len()
        })
    };
    // Prefer shortened names to numbers, which have to be looked up.
    let by_name = room(&named).filter(|&room| room >= digits.max(SHORTEST_NAME));
    if let Some(headings) = by_name.map(short).filter(|headings| differ(headings)) {
        return Some(headings);
    }
    room(&numbered)
        .filter(|&room| room >= digits.max(longest(&numbered, 1)))
        .map(|_| numbered)
}

fn matrix(headings: &[[String; 2]], confusion: &[Vec<u64>]) -> String {
    let most = confusion.iter().flatten().max().copied().unwrap_or(0);
    let names = headings.iter().map(|[_, column]| column.chars().count());
    let width = names.max().unwrap_or(0).max(most.to_string().len());
    let classes = headings
        .iter()
        .map(|[_, column]| right(format!("{column:>width$}")));
    let columns = std::iter::once(left("label")).chain(classes);
    let mut table = Table::new(columns.chain([right("error")])).narrow();
    for (class, ([name, _], row)) in headings.iter().zip(confusion).enumerate() {
        let counts = row.iter().map(|&count| match count {
            0 => "·".to_string(),
            count => count.to_string(),
        });
        let images: u64 = row.iter().sum();
        let error = match images {
            0 => "-".to_string(),
            _ => percent((images - row[class]) as f64 / images as f64),
        };
        table.push(std::iter::once(name.clone()).chain(counts).chain([error]));
    }
    format!("rows: label, columns: prediction\n{}", table.text())
}

fn most_frequent(names: &[String], confusion: &[Vec<u64>]) -> String {
    let mistakes = confusion.iter().enumerate().flat_map(|(label, row)| {
        let images: u64 = row.iter().sum();
        let counts = row.iter().enumerate();
        let wrong = counts.filter(move |&(prediction, &count)| prediction != label && count > 0);
        wrong.map(move |(prediction, &count)| (count, label, prediction, images))
    });
    let mut mistakes: Vec<_> = mistakes.collect();
    if mistakes.is_empty() {
        return "no mistakes".to_string();
    }
    // The sort is stable, so mistakes of equal count stay in the order of their labels.
    mistakes.sort_by_key(|&(count, ..)| std::cmp::Reverse(count));
    let mut table = Table::new([
        left("label"),
        left("prediction"),
        right("images"),
        right("of the label"),
    ]);
    for &(count, label, prediction, images) in mistakes.iter().take(LISTED) {
        table.push([
            shortened(&names[label], 2 * LONGEST_NAME),
            shortened(&names[prediction], 2 * LONGEST_NAME - 8),
            count.to_string(),
            percent(count as f64 / images as f64),
        ]);
    }
    format!("most frequent mistakes\n{}", table.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A confusion matrix in which two images of each class are mistaken for the next class.
    fn confusion(classes: usize, images: u64) -> Vec<Vec<u64>> {
        let row = |label: usize| {
            let mut row = vec![0; classes];
            row[label] = images - 2;
            row[(label + 1) % classes] += 2;
            row
        };
        (0..classes).map(row).collect()
    }

    fn names(classes: usize, name: impl Fn(usize) -> String) -> Vec<String> {
        (0..classes).map(name).collect()
    }

    fn fits(text: &str) -> bool {
        text.lines().all(|line| line.chars().count() <= WIDTH)
    }

    #[test]
    fn a_matrix_has_the_error_of_each_class() {
        let names = ["cat", "dog"].map(String::from);
        assert_eq!(
            describe(&names, &[vec![3, 1], vec![0, 0]]),
            "rows: label, columns: prediction\n\
             label cat dog   error\n\
             cat     3   1 25.00 %\n\
             dog     ·   ·       -"
        );
    }

    #[test]
    fn columns_are_named_apart_whatever_the_names() {
        let cifar = [
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ];
        let text = describe(&cifar.map(String::from), &confusion(10, 1000));
        assert!(fits(&text) && text.contains(" airpl autom "), "{text}");
        // These names are equal when shortened, so rows and columns are numbered.
        let alike = names(10, |class| format!("a class of images {class}"));
        let text = describe(&alike, &confusion(10, 1000));
        assert!(fits(&text), "{text}");
        assert!(
            text.contains("\nlabel ") && text.contains("\n9 a class of imag… "),
            "{text}"
        );
    }

    #[test]
    fn many_classes_have_a_list_of_mistakes() {
        let many = names(100, |class| format!("class {class}"));
        let mut confusion = confusion(100, 100);
        confusion[7][9] = 40;
        let text = describe(&many, &confusion);
        assert!(fits(&text), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2 + LISTED);
        let cells: Vec<&str> = lines[2].split_whitespace().collect();
        assert_eq!(cells, ["class", "7", "class", "9", "40", "28.57", "%"]);
        let right = names(30, |class| class.to_string());
        let all_right = (0..30).map(|label| {
            let mut row = vec![0; 30];
            row[label] = 1000;
            row
        });
        assert_eq!(
            describe(&right, &all_right.collect::<Vec<_>>()),
            "no mistakes"
        );
    }
}
