//! `report.html`: one self-contained page.

use std::fmt::Write;

use anyhow::Result;
use scn_net::{EpochRecord, RunConfig};

use crate::output::condition_number;

const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; border-radius: 6px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
pre { overflow-x: auto; padding: 1rem; border-radius: 6px; background: color-mix(in srgb, currentColor 8%, transparent); }
";

/// The page of a run; `curve` is its learning curve as SVG.
pub(crate) fn render(config: &RunConfig, history: &[EpochRecord], curve: &str) -> Result<String> {
    let title = escape(
        &config
            .preset
            .clone()
            .unwrap_or_else(|| config.dataset.to_string()),
    );
    let mut page = String::new();
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
    )?;
    if let Some(last) = history.last() {
        let best = history
            .iter()
            .map(|record| record.test_error)
            .fold(f64::INFINITY, f64::min);
        write!(
            page,
            "<p>Test error <b>{:.2} %</b> after {} of {} epochs (lowest on the way {:.2} %); \
             training at {:.0} images per second.</p>\n<figure>{curve}</figure>\n",
            100.0 * last.test_error,
            last.epoch,
            config.training.epochs,
            100.0 * best,
            last.images_per_second
        )?;
        layers(&mut page, config, last)?;
    }
    epochs(&mut page, history)?;
    write!(
        page,
        "<h2>Configuration</h2>\n<pre>{}</pre>\n</body></html>\n",
        escape(&config.to_toml()?)
    )?;
    Ok(page)
}

fn layers(page: &mut String, config: &RunConfig, last: &EpochRecord) -> Result<()> {
    page.push_str(
        "<h2>Layers in the last epoch</h2>\n<div class=\"scroll\"><table><tr><th>layer<th>atoms<th>active\
         <th>&lambda;<sub>1</sub><th>passes<th>KKT residual<th>condition of H</tr>\n",
    );
    for (h, (layer, atoms)) in last.layers.iter().zip(&config.network.layers).enumerate() {
        let condition = condition_number(layer.condition);
        writeln!(
            page,
            "<tr><td>{h}<td>{}<td>{:.1} %<td>{:.4}<td>{:.1}<td>{:.1e}<td>{condition}</tr>",
            atoms.atoms,
            100.0 * layer.active,
            layer.lambda1,
            layer.passes,
            layer.kkt
        )?;
    }
    page.push_str("</table></div>\n");
    Ok(())
}

fn epochs(page: &mut String, history: &[EpochRecord]) -> Result<()> {
    page.push_str(
        "<h2>Epochs</h2>\n<div class=\"scroll\"><table><tr><th>epoch<th>rate<th>training loss<th>error\
         <th>test loss<th>error<th>images/s</tr>\n",
    );
    for record in history {
        writeln!(
            page,
            "<tr><td>{}<td>{:.1e}<td>{:.4}<td>{:.2} %<td>{:.4}<td>{:.2} %<td>{:.0}</tr>",
            record.epoch,
            record.learning_rate,
            record.train_loss,
            100.0 * record.train_error,
            record.test_loss,
            100.0 * record.test_error,
            record.images_per_second
        )?;
    }
    page.push_str("</table></div>\n");
    Ok(())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
