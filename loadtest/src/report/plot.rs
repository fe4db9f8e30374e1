use std::fmt::Write as _;

/// A plot of lines over time, or of bars, as inline SVG. Colours are those of the page's style sheet.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    pub(super) title: &'static str,
    /// Unit of the values, shown behind the title.
    pub(super) unit: &'static str,
    /// Unit of the other axis.
    pub(super) across: &'static str,
    pub(super) form: Form,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// A line through points, in the order of their first coordinates.
    Line(Vec<(f64, f64)>),
    /// Bars by the ends of their intervals, over a logarithmic axis.
    Bars(Vec<(f64, f64)>),
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 10.0;
const RIGHT: f64 = 12.0;
/// About how many lines a grid has.
const GRID: f64 = 4.0;

impl Plot {
    /// Draws the plot; one without values says so.
    pub(super) fn to_svg(&self) -> String {
        let Self {
            title,
            unit,
            across,
            form,
        } = self;
        let mut svg = format!(
            "<figure><figcaption>{title} <small>{unit}</small></figcaption>\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
        );
        let drawn = match form {
            Form::Line(points) => draw_line(points, &mut svg),
            Form::Bars(bars) => draw_bars(bars, &mut svg),
        };
        if drawn.is_none() {
            push_text(
                &mut svg,
                (WIDTH / 2.0, HEIGHT / 2.0),
                "middle",
                "nothing to show",
            );
        }
        push_text(&mut svg, (WIDTH - RIGHT, HEIGHT - 2.0), "end", across);
        svg.push_str("</svg></figure>");
        svg
    }
}

fn draw_line(points: &[(f64, f64)], svg: &mut String) -> Option<()> {
    let (first, last) = (points.first()?.0, points.last()?.0);
    let highest = ceiling(points.iter().map(|point| point.1));
    draw_grid(highest, svg);
    let span = (last - first).max(f64::MIN_POSITIVE);
    let x = |value: f64| LEFT + (value - first) / span * (WIDTH - LEFT - RIGHT);
    let mut path = String::new();
    for (at, (time, value)) in points.iter().enumerate() {
        let verb = if at == 0 { 'M' } else { 'L' };
        push(
            &mut path,
            format_args!("{verb}{:.1} {:.1}", x(*time), y(*value, highest)),
        );
    }
    let floor = y(0.0, highest);
    push(
        svg,
        format_args!(
            "<path class=\"area\" d=\"{path}L{:.1} {floor:.1}L{:.1} {floor:.1}Z\"/><path class=\"line\" d=\"{path}\"/>",
            x(last),
            x(first),
        ),
    );
    for part in 0..=4 {
        let time = first + span * f64::from(part) / 4.0;
        push_text(
            svg,
            (x(time), HEIGHT - BOTTOM + 14.0),
            "middle",
            &short(time),
        );
    }
    Some(())
}

fn draw_bars(bars: &[(f64, f64)], svg: &mut String) -> Option<()> {
    let first = bars.first()?.0.max(1e-3).log10().floor();
    let last = bars.last()?.0.max(1e-3).log10().ceil().max(first + 1.0);
    let highest = ceiling(bars.iter().map(|bar| bar.1));
    draw_grid(highest, svg);
    let x = |value: f64| {
        LEFT + (value.max(1e-3).log10() - first) / (last - first) * (WIDTH - LEFT - RIGHT)
    };
    let floor = y(0.0, highest);
    for (end, count) in bars {
        let (top, left) = (y(*count, highest), x(end / 1.1));
        push(
            svg,
            format_args!(
                "<rect class=\"bar\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                (x(*end) - left).max(1.0),
                floor - top,
            ),
        );
    }
    let decades = (last - first) as i32;
    for decade in 0..=decades {
        let value = 10_f64.powf(first + f64::from(decade));
        push_text(
            svg,
            (x(value), HEIGHT - BOTTOM + 14.0),
            "middle",
            &short(value),
        );
    }
    Some(())
}

fn draw_grid(highest: f64, svg: &mut String) {
    let step = step(highest);
    let mut value = 0.0;
    while value <= highest * 1.001 {
        let at = y(value, highest);
        push(
            svg,
            format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>",
                WIDTH - RIGHT,
            ),
        );
        push_text(svg, (LEFT - 6.0, at + 4.0), "end", &short(value));
        value += step;
    }
}

fn y(value: f64, highest: f64) -> f64 {
    HEIGHT - BOTTOM - value / highest * (HEIGHT - BOTTOM - TOP)
}

/// Returns a round number at or above all values.
fn ceiling(values: impl Iterator<Item = f64>) -> f64 {
    let highest = values.fold(0.0, f64::max).max(1e-6);
    let step = step(highest);
    (highest / step).ceil() * step
}

/// Returns 1, 2 or 5 times a power of ten: about a quarter of the highest value.
fn step(highest: f64) -> f64 {
    let rough = highest / GRID;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0];
    let fitting = steps.into_iter().find(|step| step * power >= rough * 0.999);
    fitting.unwrap_or(10.0) * power
}

/// Writes a number in few characters.
pub(super) fn short(value: f64) -> String {
    let (scaled, suffix) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = match scaled.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{scaled:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text}{suffix}")
}

fn push_text(svg: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    push(
        svg,
        format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"),
    );
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A String takes any text.
    out.write_fmt(text).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 0.25, 12.5, 1_500.0, 23_000_000.0].map(short);
        assert_eq!(texts, ["0", "0.25", "12.5", "1.5k", "23M"]);
    }

    #[test]
    fn the_grid_has_round_steps_that_reach_the_highest_value() {
        assert!((ceiling([23.0].into_iter()) - 30.0).abs() < 1e-9);
        assert!((step(100.0) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn a_plot_without_values_says_so() {
        let plot = Plot {
            title: "t",
            unit: "u",
            across: "s",
            form: Form::Line(Vec::new()),
        };
        assert!(plot.to_svg().contains("nothing to show"));
    }

    #[test]
    fn a_line_goes_through_all_points() {
        let plot = Plot {
            title: "t",
            unit: "u",
            across: "s",
            form: Form::Line(vec![(0.0, 1.0), (1.0, 3.0), (2.0, 2.0)]),
        };
        let svg = plot.to_svg();
        assert!(
            svg.contains("class=\"line\"") && !svg.contains("NaN"),
            "{svg}"
        );
    }
}
