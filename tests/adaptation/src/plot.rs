//! Lines over time as inline SVG.

use std::fmt::Write as _;

/// Lines over the same time, one above the other in the order that they are added.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    title: &'static str,
    /// The highest value that is drawn.
    top: f64,
    /// When it ends, in seconds.
    seconds: f64,
    drawn: String,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stroke {
    /// Down to the floor, in grey.
    Area,
    /// In the colour of a viewer.
    Line(usize),
    /// The same, pale.
    Pale(usize),
}

const WIDTH: f64 = 900.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 20.0;
const HEIGHT: f64 = 150.0;
/// Lines of the grid, above the floor.
const GRID: u8 = 4;
/// Colours of viewers, which go round.
const COLOURS: [&str; 6] = [
    "#0b63ce", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#0e7490",
];

impl Plot {
    /// Begins a plot of values up to `top`, over so many seconds.
    pub(crate) fn new(title: &'static str, top: f64, seconds: f64) -> Self {
        Self {
            title,
            top: top.max(f64::MIN_POSITIVE),
            seconds: seconds.max(f64::MIN_POSITIVE),
            drawn: String::new(),
        }
    }

    fn x(&self, at: f64) -> f64 {
        LEFT + at / self.seconds * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let floor = HEIGHT - BOTTOM;
        floor - value.clamp(0.0, self.top) / self.top * (floor - TOP)
    }

    /// Draws a line of steps: each value lasts up to its time.
    pub(crate) fn steps(&mut self, stroke: Stroke, points: impl IntoIterator<Item = (f64, f64)>) {
        let mut path = String::new();
        let mut before = None;
        for (at, value) in points {
            let value = self.y(value);
            match before {
                None => add(&mut path, format_args!("M{LEFT:.1} {value:.1}")),
                Some(before) if before != value => add(&mut path, format_args!("V{value:.1}")),
                Some(_) => {}
            }
            before = Some(value);
            add(&mut path, format_args!("H{:.1}", self.x(at)));
        }
        let colour = |viewer: usize| COLOURS.get(viewer % COLOURS.len()).unwrap_or(&"black");
        match stroke {
            Stroke::Area => {
                let floor = self.y(0.0);
                add(
                    &mut self.drawn,
                    format_args!("<path class=\"area\" d=\"{path}V{floor:.1}H{LEFT}Z\"/>"),
                );
            }
            Stroke::Line(viewer) => add(
                &mut self.drawn,
                format_args!("<path stroke=\"{}\" d=\"{path}\"/>", colour(viewer)),
            ),
            Stroke::Pale(viewer) => add(
                &mut self.drawn,
                format_args!(
                    "<path class=\"pale\" stroke=\"{}\" d=\"{path}\"/>",
                    colour(viewer)
                ),
            ),
        }
    }

    /// Returns it with its grid and title.
    pub(crate) fn to_svg(&self, unit: &str, scale: f64) -> String {
        let title = self.title;
        let mut svg = format!(
            "<figure><figcaption>{title}</figcaption>\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
        );
        for line in 0..=GRID {
            let value = self.top * f64::from(line) / f64::from(GRID);
            let (y, right) = (self.y(value), WIDTH - RIGHT);
            add(
                &mut svg,
                format_args!(
                    "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>\
                     <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.1}{unit}</text>",
                    LEFT - 6.0,
                    y + 4.0,
                    value / scale
                ),
            );
        }
        let (end, floor) = (WIDTH - RIGHT, HEIGHT - 4.0);
        add(
            &mut svg,
            format_args!(
                "<text x=\"{end}\" y=\"{floor}\" text-anchor=\"end\">{} s</text>",
                self.seconds
            ),
        );
        svg + &self.drawn + "</svg></figure>"
    }
}

fn add(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("text can be added to");
}
