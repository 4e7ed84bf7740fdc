//! Tables 1 to 3 of the paper (arXiv 1701.08349), exactly as printed: every row and figure, in
//! order.

use scn_data::DatasetName;

/// A table of the paper.
#[derive(Debug)]
pub(crate) struct PrintedTable {
    pub(crate) title: &'static str,
    pub(crate) measure: Measure,
    /// Data set of each column of figures.
    pub(crate) datasets: &'static [DatasetName],
    pub(crate) lines: &'static [Line],
    /// Note for readers of the table.
    pub(crate) remark: Option<&'static str>,
}

/// The quantity in a table, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Fraction of the test images that are misclassified.
    Error,
    /// Fraction of the test images that are classified correctly.
    Accuracy,
}

/// A row of a table. `-` is a dash in the paper.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) method: &'static str,
    pub(crate) parameters: &'static str,
    pub(crate) layers: &'static str,
    /// Figures in the order of the table's data sets.
    pub(crate) figures: &'static [&'static str],
}

const fn line(
    method: &'static str,
    parameters: &'static str,
    layers: &'static str,
    figures: &'static [&'static str],
) -> Line {
    Line {
        method,
        parameters,
        layers,
        figures,
    }
}

pub(crate) const TABLE_1: &PrintedTable = &PrintedTable {
    title: "Table 1: CIFAR-10 and CIFAR-100",
    measure: Measure::Error,
    datasets: &[DatasetName::Cifar10, DatasetName::Cifar100],
    lines: &[
        line("SCKN", "10.50M", "10", &["10.20", "-"]),
        line("OMP", "0.70M", "2", &["18.50", "-"]),
        line("PCANet", "0.28B", "3", &["21.33", "-"]),
        line("NOMP", "1.09B", "4", &["18.60", "39.92"]),
        line("NiN", "-", "-", &["8.81", "35.68"]),
        line("DSN", "1.34M", "7", &["7.97", "36.54"]),
        line("WRN", "36.5M", "28", &["4.00", "19.25"]),
        line("ResNet-110", "0.85M", "110", &["6.41", "27.22"]),
        line("ResNet-1001 v2", "10.2M", "1001", &["4.92", "27.21"]),
        line("ResNext-29", "68.10M", "29", &["3.58", "17.31"]),
        line("SwapOut-20", "1.10M", "20", &["5.68", "25.86"]),
        line("SwapOut-32", "7.43M", "32", &["4.76", "22.72"]),
        line("SCN-1", "0.17M", "15", &["8.86", "25.08"]),
        line("SCN-2", "0.35M", "15", &["7.18", "22.17"]),
        line("SCN-4", "0.69M", "15", &["5.81", "19.93"]),
    ],
    remark: None,
};

pub(crate) const TABLE_2: &PrintedTable = &PrintedTable {
    title: "Table 2: STL-10",
    measure: Measure::Accuracy,
    datasets: &[DatasetName::Stl10],
    lines: &[
        line("SWWAE", "10.50M", "10", &["74.33"]),
        line("Deep-TEN", "25.60M", "50", &["76.29"]),
        line("SCN-4", "0.69M", "15", &["83.11"]),
    ],
    remark: None,
};

pub(crate) const TABLE_3: &PrintedTable = &PrintedTable {
    title: "Table 3: MNIST",
    measure: Measure::Error,
    datasets: &[DatasetName::Mnist],
    lines: &[
        line("CKN", "-", "2", &["0.39"]),
        line("ScatNet", "-", "3", &["0.43"]),
        line("PCANet", "-", "3", &["0.62"]),
        line("S-SC", "-", "1", &["0.84"]),
        line("TDDL", "-", "1", &["0.54"]),
        line("SCN-4", "0.69M", "15", &["0.36"]),
    ],
    remark: Some("The paper labels this column \"Accuracy\", but its figures are error rates."),
};

impl PrintedTable {
    /// Returns the preset that trains the network of a row on a data set, or None for other
    /// methods.
    pub(crate) fn preset(line: &Line, dataset: DatasetName) -> Option<String> {
        let width = line.method.strip_prefix("SCN-")?;
        Some(format!("{dataset}-scn{width}"))
    }

    /// Formats an error, given as a fraction, in the unit and with the digits of the table.
    pub(crate) fn figure(&self, error: f64) -> String {
        let share = match self.measure {
            Measure::Error => error,
            Measure::Accuracy => 1.0 - error,
        };
        format!("{:.2}", 100.0 * share)
    }

    /// Returns the test error of a figure in the table as a fraction, or None for a dash.
    fn error(&self, figure: &str) -> Option<f64> {
        // Use hundredths of a percent, so that the complement is exact.
        let hundredths = (100.0 * figure.parse::<f64>().ok()?).round();
        Some(match self.measure {
            Measure::Error => hundredths / 1e4,
            Measure::Accuracy => (1e4 - hundredths) / 1e4,
        })
    }
}

/// Returns the row of a preset's network, and its printed test error as a fraction.
pub(super) fn find(preset: &str) -> Option<(&'static Line, Option<f64>)> {
    for table in [TABLE_1, TABLE_2, TABLE_3] {
        for line in table.lines {
            for (&dataset, figure) in table.datasets.iter().zip(line.figures) {
                if PrintedTable::preset(line, dataset).as_deref() == Some(preset) {
                    return Some((line, table.error(figure)));
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_figure_for_every_data_set() {
        for table in [TABLE_1, TABLE_2, TABLE_3] {
            for line in table.lines {
                assert_eq!(line.figures.len(), table.datasets.len(), "{}", line.method);
            }
        }
    }

    #[test]
    fn figures_are_read_and_written_in_the_unit_of_their_table() {
        assert_eq!(TABLE_1.error("8.86"), Some(0.0886));
        assert_eq!(TABLE_2.error("83.11"), Some(0.1689));
        assert_eq!(TABLE_1.error("-"), None);
        assert_eq!(TABLE_1.figure(0.0886), "8.86");
        assert_eq!(TABLE_2.figure(0.1689), "83.11");
        assert_eq!(find("stl10-scn4").unwrap().1, Some(0.1689));
        assert_eq!(find("mnist-scn4").unwrap().0.parameters, "0.69M");
        for other in ["mnist-scn1", "cifar10-scn1-cosine", "digits", ""] {
            assert!(find(other).is_none(), "{other}");
        }
    }
}
