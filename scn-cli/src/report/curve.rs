//! The learning curve: training error dotted, test error solid, as in Figure 2 of the paper.

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use scn_net::EpochRecord;

const SIZE: (u32, u32) = (720, 420);
const TRAIN: RGBColor = RGBColor(120, 120, 120);
const TEST: RGBColor = RGBColor(190, 70, 30);

/// An SVG of the errors in percent over the epochs.
pub(crate) fn draw(history: &[EpochRecord]) -> Result<String> {
    let mut svg = String::new();
    draw_into(&mut svg, history)
        .map_err(|error| anyhow!("cannot draw the learning curve: {error}"))?;
    Ok(svg)
}

fn draw_into(svg: &mut String, history: &[EpochRecord]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let percent = |errors: fn(&EpochRecord) -> f64| {
        history
            .iter()
            .map(move |record| (record.epoch as f64, 100.0 * errors(record)))
            .collect::<Vec<_>>()
    };
    let (train, test) = (
        percent(|record| record.train_error),
        percent(|record| record.test_error),
    );
    let highest = train
        .iter()
        .chain(&test)
        .map(|point| point.1)
        .fold(1.0, f64::max);
    let last = history.last().map_or(1, |record| record.epoch).max(2) as f64;
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(52)
        .build_cartesian_2d(1.0..last, 0.0..1.05 * highest)?;
    chart
        .configure_mesh()
        .x_desc("epoch")
        .y_desc("error in %")
        .disable_x_mesh()
        .x_labels(history.len().clamp(2, 20))
        // There is no epoch between two.
        .x_label_formatter(&|epoch| {
            if epoch.fract() == 0.0 {
                format!("{epoch:.0}")
            } else {
                String::new()
            }
        })
        .light_line_style(WHITE)
        .draw()?;
    chart
        .draw_series(DashedLineSeries::new(
            train.clone(),
            2,
            4,
            TRAIN.stroke_width(2),
        ))?
        .label("training (while the weights move)")
        .legend(|(x, y)| {
            plotters::element::DashedPathElement::new(
                [(x, y), (x + 24, y)],
                2,
                4,
                TRAIN.stroke_width(2),
            )
        });
    chart
        .draw_series(LineSeries::new(test.clone(), TEST.stroke_width(2)))?
        .label("test")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 24, y)], TEST.stroke_width(2)));
    chart.draw_series(
        train
            .iter()
            .map(|&point| Circle::new(point, 2, TRAIN.filled())),
    )?;
    chart.draw_series(
        test.iter()
            .map(|&point| Circle::new(point, 3, TEST.filled())),
    )?;
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .legend_area_size(30)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    drop(chart);
    drop(root);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: u64) -> EpochRecord {
        EpochRecord {
            epoch,
            learning_rate: 0.1,
            train_loss: 1.0,
            train_error: 0.5 / epoch as f64,
            test_loss: 1.0,
            test_error: 0.6 / epoch as f64,
            images_per_second: 1.0,
            layers: Vec::new(),
        }
    }

    #[test]
    fn curves_of_any_length_are_drawn() {
        for epochs in [0, 1, 2, 30] {
            let history: Vec<_> = (1..=epochs).map(record).collect();
            let svg = draw(&history).unwrap();
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
            // One dot per epoch and curve.
            assert_eq!(svg.matches("<circle").count(), 2 * epochs as usize);
        }
    }
}
