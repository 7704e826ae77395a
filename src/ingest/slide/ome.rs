//! The few attributes of OME-XML that a reader of RGB slides needs, without an XML reader: the
//! description is input, and a bounded scan for one element's attributes can't be led astray by
//! entities or nesting.

/// What `<Pixels>` says of one image.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct OmePixels {
    pub size_x: u64,
    pub size_y: u64,
    /// Planes beyond one: focus and time.
    pub size_z: u64,
    pub size_t: u64,
    pub size_c: u64,
    /// Micrometres per pixel across and down.
    pub physical: Option<(f64, f64)>,
}

/// Whether a page's description is OME-XML.
pub(super) fn is_ome(description: &str) -> bool {
    let mut end = description.len().min(4096);
    while !description.is_char_boundary(end) {
        end -= 1;
    }
    description[..end].contains("<OME") || description[..end].contains(":OME ")
}

/// The `<Pixels>` of the image whose size is the page's; else the first; `None` without one.
pub(super) fn pixels(xml: &str, width: u32, height: u32) -> Option<OmePixels> {
    let all = || xml.match_indices("Pixels ").filter_map(|(at, _)| element(xml, at));
    all()
        .find(|p| p.size_x == u64::from(width) && p.size_y == u64::from(height))
        .or_else(|| all().next())
}

/// The element whose local name starts at `at`.
fn element(xml: &str, at: usize) -> Option<OmePixels> {
    let before = xml[..at].chars().next_back()?;
    if before != '<' && before != ':' {
        return None;
    }
    let rest = &xml[at..];
    let text = &rest[..rest.find('>')?];
    let count = |name| attribute(text, name).and_then(|value| value.parse().ok()).unwrap_or(1);
    let length = |name: &str| {
        let value: f64 = attribute(text, name)?.parse().ok()?;
        let unit = attribute(text, &format!("{name}Unit"));
        Some(value * micrometres(unit.as_deref().unwrap_or("µm"))?)
    };
    Some(OmePixels {
        size_x: count("SizeX"),
        size_y: count("SizeY"),
        size_z: count("SizeZ"),
        size_t: count("SizeT"),
        size_c: count("SizeC"),
        physical: length("PhysicalSizeX").zip(length("PhysicalSizeY")),
    })
}

fn attribute(element: &str, name: &str) -> Option<String> {
    let value = |quote: char| {
        let opening = format!(" {name}={quote}");
        let flat = element.find(&opening)? + opening.len();
        let rest = &element[flat..];
        Some(rest[..rest.find(quote)?].to_owned())
    };
    value('"').or_else(|| value('\''))
}

/// Micrometres in a unit of OME's `UnitsLength`; `None` for pixels, frames and the unknown.
fn micrometres(unit: &str) -> Option<f64> {
    Some(match unit {
        // The micro sign, the Greek letter, their entities, and plain ASCII all occur.
        "µm" | "μm" | "um" | "micron" | "&#181;m" | "&#xB5;m" | "&#xb5;m" | "&#956;m" => 1.0,
        "nm" => 1e-3,
        "pm" => 1e-6,
        "Å" => 1e-4,
        "mm" => 1e3,
        "cm" => 1e4,
        "m" => 1e6,
        "in" => 25_400.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_the_right_image() {
        let xml = r#"<?xml version="1.0"?><OME><Image><Pixels SizeX="10" SizeY="20" SizeC="3"
            PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="0.00025"
            PhysicalSizeYUnit="mm"/></Image><Image><ome:Pixels SizeX='5' SizeY='5' /></Image>"#;
        let xml = xml.replace('\n', " ");
        let first = pixels(&xml, 10, 20).unwrap();
        assert_eq!(first.physical, Some((0.25, 0.25)));
        assert_eq!((first.size_c, first.size_z), (3, 1));
        assert_eq!(pixels(&xml, 5, 5).unwrap().physical, None);
        assert_eq!(pixels(&xml, 1, 1).unwrap().size_x, 10);
        assert_eq!(pixels("PixelsPixels ", 1, 1), None);
        let odd = r#"<Pixels PhysicalSizeX="1" PhysicalSizeXUnit="pixel" PhysicalSizeY="1">"#;
        assert_eq!(pixels(odd, 1, 1).unwrap().physical, None);
    }
}
