//! Formatting of numbers for readers.

use std::time::Duration;

/// Formats an error, given as a fraction, in percent.
pub(crate) fn percent(error: f64) -> String {
    format!("{:.2} %", 100.0 * error)
}

/// Formats a number per second.
pub(crate) fn rate(rate: f64) -> String {
    thousands(rate.round() as usize)
}

/// Formats a number with commas.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a count with its noun: 1 epoch, 2 epochs.
pub(crate) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// Formats a time in seconds.
pub(crate) fn time(seconds: f64) -> String {
    if seconds < 0.9995 {
        return format!("{:.0} ms", 1000.0 * seconds);
    }
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let (hours, minutes) = (whole / 3600, whole / 60 % 60);
    if hours > 0 {
        format!("{hours} h {minutes} min")
    } else {
        format!("{minutes} min {} s", whole % 60)
    }
}

/// Formats a time as minutes and seconds, with hours if there are any.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// Formats a condition number for a table. Numbers so large that they only mean "singular in this
/// precision" are in scientific notation.
pub(crate) fn condition_number(condition: Option<f64>) -> String {
    match condition {
        None => "infinite".to_string(),
        Some(condition) if condition < 1e6 => format!("{condition:.0}"),
        Some(condition) => format!("{condition:.0e}"),
    }
}

/// Returns the mean of the values, or 0 if there are none.
pub(crate) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_readers() {
        assert_eq!(
            [0, 999, 1000, 173_896, 1_000_000].map(thousands),
            ["0", "999", "1,000", "173,896", "1,000,000"]
        );
        assert_eq!(
            [0.0325, 59.94, 59.96, 3599.0, 93_600.0].map(time),
            ["32 ms", "59.9 s", "1 min 0 s", "59 min 59 s", "26 h 0 min"]
        );
        assert_eq!(percent(0.0581), "5.81 %");
    }
}
