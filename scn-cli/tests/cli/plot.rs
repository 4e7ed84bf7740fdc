//! Plots as drawn: positions of labels, and lines.

use roxmltree::Document;

/// A plot read from a file.
pub(crate) struct Plot(String);

impl Plot {
    pub(crate) fn read(path: &std::path::Path) -> Self {
        Self(std::fs::read_to_string(path).unwrap())
    }

    fn each<T>(&self, tag: &str, read: impl Fn(roxmltree::Node) -> Option<T>) -> Vec<T> {
        let svg = Document::parse(&self.0).unwrap();
        let nodes = svg.descendants();
        nodes
            .filter(|node| node.tag_name().name() == tag)
            .filter_map(read)
            .collect()
    }

    /// Returns the text for readers who cannot see the plot.
    pub(crate) fn description(&self) -> String {
        let svg = Document::parse(&self.0).unwrap();
        let description = svg.root_element().attribute("aria-label").unwrap();
        description.replace('\u{a0}', " ")
    }

    /// Returns all texts with their positions.
    pub(crate) fn texts(&self) -> Vec<(String, (f64, f64))> {
        self.each("text", |node| {
            let at = (number(node, "x")?, number(node, "y")?);
            Some((node.text()?.trim().to_string(), at))
        })
    }

    /// Returns the labels of the vertical axis, which are the leftmost: value and y coordinate.
    pub(crate) fn values(&self) -> Vec<(f64, f64)> {
        let marks = self.marks();
        let left = marks
            .iter()
            .map(|(_, (x, _))| *x)
            .fold(f64::INFINITY, f64::min);
        let marks = marks.into_iter().filter(|(_, (x, _))| *x == left);
        marks.map(|(value, (_, y))| (value, y)).collect()
    }

    /// Returns the labels of the horizontal axis (epochs or layers), which are the lowest: number
    /// and x coordinate.
    pub(crate) fn numbers(&self) -> Vec<(f64, f64)> {
        let marks = self.marks();
        let low = marks.iter().map(|(_, (_, y))| *y).fold(0.0, f64::max);
        let marks = marks.into_iter().filter(|(_, (_, y))| *y == low);
        marks.map(|(value, (x, _))| (value, x)).collect()
    }

    fn marks(&self) -> Vec<(f64, (f64, f64))> {
        let number = |(text, at): (String, _)| Some((text.parse().ok()?, at));
        self.texts().into_iter().filter_map(number).collect()
    }

    /// Returns the lines of a colour.
    pub(crate) fn lines(&self, colour: &str) -> Vec<Vec<(f64, f64)>> {
        let drawn = |node: roxmltree::Node| node.attribute("stroke") == Some(colour);
        let mut lines = self.each("polyline", |node| {
            let points = node.attribute("points").filter(|_| drawn(node))?;
            let point = |point: &str| {
                let (x, y) = point.split_once(',')?;
                Some((x.parse().ok()?, y.parse().ok()?))
            };
            points.split_whitespace().map(point).collect()
        });
        lines.extend(self.each("line", |node| {
            let end = |x, y| Some((number(node, x)?, number(node, y)?));
            drawn(node).then_some(())?;
            Some(vec![end("x1", "y1")?, end("x2", "y2")?])
        }));
        lines
    }

    /// Returns the centres of filled circles of a colour.
    pub(crate) fn points(&self, colour: &str) -> Vec<(f64, f64)> {
        self.each("circle", |node| {
            (node.attribute("fill") == Some(colour)).then_some(())?;
            Some((number(node, "cx")?, number(node, "cy")?))
        })
    }

    /// Returns the centres of open circles of a colour.
    pub(crate) fn rings(&self, colour: &str) -> Vec<(f64, f64)> {
        self.each("circle", |node| {
            let ring = node.attribute("fill") == Some("none");
            (ring && node.attribute("stroke") == Some(colour)).then_some(())?;
            Some((number(node, "cx")?, number(node, "cy")?))
        })
    }
}

fn number(node: roxmltree::Node, attribute: &str) -> Option<f64> {
    node.attribute(attribute)?.parse().ok()
}
