//! A drawing of a run: for each row, how many times native a runtime costs, on a logarithmic axis.

use super::record::{Record, Row};
use super::scale::Scale;
use super::table::number;

const WIDTH: f64 = 900.0;
const LEFT: f64 = 210.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 118.0;
const LINE: f64 = 19.0;
const HEADING: f64 = 34.0;
const RADIUS: f64 = 4.6;

/// Nacre first.
const COLOURS: [&str; 3] = ["#0b7a75", "#c8553d", "#6c757d"];

/// Greys of text, lines and bands.
const STYLE: &str = "\
text { font: 12px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #24292f; } \
.title { font-size: 17px; font-weight: 600; } \
.small { font-size: 11px; fill: #57606a; } \
.heading { font-weight: 600; } \
.grid { stroke: #d8dee4; } \
.native { stroke: #24292f; stroke-width: 1.4; } \
.span { stroke-width: 2; stroke-opacity: 0.28; }";

/// One runtime's colour and name.
struct Series<'a> {
    name: &'a str,
    colour: &'static str,
}

/// Draws the rows that have a native value, as an SVG file.
pub(super) fn draw(record: &Record) -> String {
    let names = record.runtimes.iter().filter(|name| *name != "native");
    let series: Vec<Series<'_>> = names.zip(COLOURS).map(|(name, colour)| Series { name, colour }).collect();
    let is_drawn = |row: &&Row| !is_bare(row) && series.iter().any(|one| row.cost(one.name).is_some());
    let rows: Vec<&Row> = record.rows.iter().filter(is_drawn).collect();
    let costs = rows.iter().flat_map(|row| series.iter().filter_map(|one| row.cost(one.name)));
    let scale = Scale::around(costs, LEFT, WIDTH - LEFT - RIGHT);
    let lines = pairs(&rows);
    let mut body = String::new();
    let mut y = TOP;
    let mut group = "";
    for line in &lines {
        if line[0].group != group {
            group = &line[0].group;
            y += HEADING;
            body.push_str(&text(LEFT - 12.0, y - 14.0, "heading", "end", group));
        }
        body.push_str(&text(LEFT - 12.0, y + 4.0, "", "end", &line[0].name));
        for one in &series {
            body.push_str(&marks(line, one, &scale, y));
        }
        y += LINE;
    }
    let bottom = y + 8.0;
    let height = bottom + 34.0;
    let head = header(record, &series) + &axis(&scale, bottom);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" \
         aria-label=\"Cost of rows as multiples of native\">\n<style>{STYLE}</style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#ffffff\"/>\n{head}{body}</svg>\n"
    )
}

/// Memory of a sandbox is no multiple of what a bare process takes.
fn is_bare(row: &Row) -> bool {
    row.group == "sandboxes" && !row.name.starts_with("run-of-true")
}

/// Rows of one name together, the one on all processors first.
fn pairs<'a>(rows: &[&'a Row]) -> Vec<Vec<&'a Row>> {
    let mut lines: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        match lines.last_mut().filter(|line| line[0].name == row.name) {
            Some(line) => line.push(row),
            None => lines.push(vec![row]),
        }
    }
    lines
}

fn header(record: &Record, series: &[Series<'_>]) -> String {
    let mut out = text(24.0, 34.0, "title", "start", "Cost as a multiple of native");
    let Record { machine, date, rounds, load, .. } = record;
    let when = format!("{machine}. {date}, medians of {rounds} rounds, load average before {load}.");
    out.push_str(&text(24.0, 54.0, "small", "start", &when));
    let how = "Less is better. Native of run-of-true-bundle is crun.";
    out.push_str(&text(24.0, 70.0, "small", "start", how));
    let mut x = 24.0 + RADIUS;
    for one in series {
        for (is_pinned, what) in [(false, "all processors"), (true, "pinned to one")] {
            out.push_str(&mark(x, 90.0, one.colour, is_pinned));
            let label = format!("{}, {what}", one.name);
            out.push_str(&text(x + 11.0, 94.0, "", "start", &label));
            x += 40.0 + label.chars().map(|_| 6.4).sum::<f64>();
        }
    }
    out
}

fn axis(scale: &Scale, bottom: f64) -> String {
    let mut out = String::new();
    for tick in scale.ticks() {
        let (x, top) = (scale.place(tick), TOP - 2.0);
        let class = if (tick - 1.0).abs() < 1e-9 { "native" } else { "grid" };
        out.push_str(&format!(
            "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>\n"
        ));
        let label = if class == "native" { "native".to_owned() } else { format!("{tick}×") };
        out.push_str(&text(x, bottom + 16.0, "small", "middle", &label));
    }
    out
}

/// What one runtime costs in a line: a mark for each of its rows, joined.
fn marks(line: &[&Row], one: &Series<'_>, scale: &Scale, y: f64) -> String {
    let found: Vec<(f64, &Row)> =
        line.iter().filter_map(|row| Some((scale.place(row.cost(one.name)?), *row))).collect();
    let mut out = String::new();
    if let [(from, _), (to, _)] = found[..] {
        let colour = one.colour;
        out.push_str(&format!(
            "<line class=\"span\" stroke=\"{colour}\" x1=\"{from:.1}\" y1=\"{y:.1}\" x2=\"{to:.1}\" y2=\"{y:.1}\"/>\n"
        ));
    }
    for (x, row) in found {
        let value = |name: &str| format!("{} {}", number(row.value(name)), row.unit);
        let cost = number(row.cost(one.name));
        let tip = format!("{}: {} {}, native {}, {cost} ×", row.title(), one.name, value(one.name), value("native"));
        out.push_str(&format!("<g>{}<title>{}</title></g>\n", mark(x, y, one.colour, row.pinned), escape(&tip)));
    }
    out
}

/// Full, or a ring for rows on one processor.
fn mark(x: f64, y: f64, colour: &str, is_pinned: bool) -> String {
    let fill = if is_pinned { "#ffffff" } else { colour };
    format!(
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{RADIUS}\" fill=\"{fill}\" stroke=\"{colour}\" stroke-width=\"1.8\"/>"
    )
}

fn text(x: f64, y: f64, class: &str, anchor: &str, content: &str) -> String {
    let content = escape(content);
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{content}</text>\n")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::record::Samples;
    use super::*;

    #[test]
    fn each_value_is_a_mark() {
        let mut samples = Samples::default();
        for pinned in [false, true] {
            samples.add("one operation", "a<b", "ns", pinned, "native", 10.0);
            samples.add("one operation", "a<b", "ns", pinned, "nacre", 20.0);
        }
        samples.add("sandboxes", "idle-memory", "MiB", false, "native", 1.0);
        samples.add("sandboxes", "idle-memory", "MiB", false, "nacre", 5.0);
        let record = Record::new(vec!["native".to_owned(), "nacre".to_owned()], 1, 0.0, samples);
        let drawing = draw(&record);
        // Two of the row, two of the legend.
        assert_eq!(drawing.matches("<circle").count(), 4);
        assert!(drawing.contains("a&lt;b") && !drawing.contains("idle-memory"));
        assert!(drawing.contains("a&lt;b@p0: nacre 20.0 ns, native 10.0 ns, 2.00 ×"));
    }
}
