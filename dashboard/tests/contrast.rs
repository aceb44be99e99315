//! Every colour of the sheet against every ground it stands on. Browsers' checkers cannot judge text in SVG; this can.

use std::collections::BTreeMap;

const SHEET: &str = include_str!("../style.css");
const GROUNDS: [&str; 5] = ["paper", "sheet", "sunk", "hover", "picked"];
const STATES: [&str; 4] = ["safe", "unverified", "exposed", "unknown"];

/// A colour, red, green and blue, in the light scheme and in the dark one.
type Pair = [[f64; 3]; 2];

fn tokens() -> BTreeMap<String, Pair> {
    let lines = SHEET.lines().filter_map(|line| line.trim().strip_prefix("--")?.split_once(": "));
    let pairs = lines.filter_map(|(name, rest)| {
        let (light, dark) = rest.trim().strip_prefix("light-dark(")?.split_once(");")?.0.split_once(", ")?;
        Some((name.trim_end_matches(':').to_owned(), [colour(light)?, colour(dark)?]))
    });
    pairs.collect()
}

fn colour(text: &str) -> Option<[f64; 3]> {
    let value = u32::from_str_radix(text.strip_prefix('#')?, 16).ok()?;
    Some([16, 8, 0].map(|shift| f64::from((value >> shift) & 0xff) / 255.0))
}

/// The ratio of WCAG 2.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |colour: [f64; 3]| {
        let [r, g, b] = colour.map(|c| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// What stands on what with too little contrast.
fn too_faint(tokens: &BTreeMap<String, Pair>, pairs: &[(String, String)], floor: f64) -> Vec<String> {
    let mut found = Vec::new();
    for (front, back) in pairs {
        let (Some(a), Some(b)) = (tokens.get(front), tokens.get(back)) else {
            found.push(format!("--{front} or --{back} is no token"));
            continue;
        };
        for (scheme, (a, b)) in ["light", "dark"].iter().zip(a.iter().zip(b)) {
            let ratio = contrast(*a, *b);
            if ratio < floor {
                found.push(format!("--{front} on --{back}, {scheme}: {ratio:.2}"));
            }
        }
    }
    found
}

fn on_grounds(fronts: &[String]) -> Vec<(String, String)> {
    let each = |front: &String| GROUNDS.map(|ground| (front.clone(), ground.to_owned()));
    fronts.iter().flat_map(each).collect()
}

#[test]
fn text_can_be_read_on_every_ground() {
    let mut fronts: Vec<String> = ["ink", "ink-2", "ink-3", "link"].map(str::to_owned).to_vec();
    fronts.extend(STATES.map(|state| format!("{state}-text")));
    let mut pairs = on_grounds(&fronts);
    pairs.extend(STATES.map(|state| (format!("{state}-text"), format!("{state}-wash"))));
    pairs.push(("on-ink".into(), "ink".into()));
    assert_eq!(too_faint(&tokens(), &pairs, 4.5), [""; 0]);
}

#[test]
fn signs_and_ticks_can_be_seen_on_every_ground() {
    let mut fronts: Vec<String> = STATES.map(|state| format!("{state}-mark")).to_vec();
    fronts.push("focus".into());
    let mut pairs = on_grounds(&fronts);
    pairs.extend(STATES.map(|state| (format!("{state}-mark"), format!("{state}-wash"))));
    assert_eq!(too_faint(&tokens(), &pairs, 3.0), [""; 0]);
}

#[test]
fn contrast_is_measured_as_wcag_measures_it() {
    assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 0.001);
    let grey = colour("#777777").unwrap();
    assert!((contrast(grey, [1.0; 3]) - 4.48).abs() < 0.01);
    assert_eq!(too_faint(&tokens(), &[("sheet".into(), "paper".into())], 3.0).len(), 2);
}
