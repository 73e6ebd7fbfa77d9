//! Values of options: numbers, ports, times, amounts.

/// Seconds of `90`, `1m30s`, `2h`: parts add up (sshd_config(5), TIME FORMATS).
pub(super) fn seconds(text: &str) -> Option<u32> {
    let mut total: u32 = 0;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let signed = rest.trim_start();
        let digits = signed.strip_prefix('+').unwrap_or(signed);
        let end = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        let number: u32 = digits[..end].parse().ok()?;
        let mut after = digits[end..].chars();
        let unit = match after.next() {
            None | Some('s' | 'S') => 1,
            Some('m' | 'M') => 60,
            Some('h' | 'H') => 3600,
            Some('d' | 'D') => 86_400,
            Some('w' | 'W') => 604_800,
            Some(_) => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = after.as_str();
    }
    // ssh(1) counts in a signed int.
    i32::try_from(total).ok().map(|_| total)
}

/// A whole number from 0 up to `most`, written as strtonum(3) takes it.
pub(super) fn number(text: &str, most: u32) -> Option<u32> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value: u32 = digits.parse().ok().filter(|_| plain)?;
    (value <= most && (!negative || value == 0)).then_some(value)
}

/// Bytes of `64K`, `1.5G`, `100`, written as scan_scaled(3) takes them; never fewer than none.
pub(super) fn scaled(text: &str) -> Option<u64> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (amount, unit) = text.split_at(end.unwrap_or(text.len()));
    let mut unit = unit.chars();
    let factor: u128 = match unit.next() {
        None => 1,
        Some(letter) => 1 << (10 * "BKMGTPE".find(letter.to_ascii_uppercase())?),
    };
    // A sign may follow the unit, and says nothing.
    if unit.next().is_some_and(|next| next.is_ascii_alphanumeric()) {
        return None;
    }
    let digits = |text: &str| match text {
        "" => Some(0),
        text => text.parse::<u64>().ok().map(u128::from),
    };
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    let tenths = 10_u128.pow(u32::try_from(fraction.len()).ok().filter(|n| *n < 20)?);
    let total = digits(whole)? * factor + digits(fraction)? * factor / tenths;
    // ssh(1) counts in a signed number.
    let total = i64::try_from(total)
        .ok()
        .filter(|total| !negative || *total == 0)?;
    u64::try_from(total).ok()
}

/// A TCP port, or the name of a service in `/etc/services`.
pub(super) fn port(text: &str) -> Option<u16> {
    let number = match number(text, 65_535) {
        Some(number) => u16::try_from(number).ok()?,
        // Without the file there are no names.
        None => service(&std::fs::read_to_string("/etc/services").ok()?, text)?,
    };
    Some(number).filter(|port| *port > 0)
}

/// services(5): `name port/protocol aliases`.
fn service(file: &str, name: &str) -> Option<u16> {
    let lines = file
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    lines.into_iter().find_map(|line| {
        let mut words = line.split_whitespace();
        let (first, place) = (words.next()?, words.next()?);
        let port = place.strip_suffix("/tcp")?;
        let named = first == name || words.any(|alias| alias == name);
        port.parse().ok().filter(|_| named)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_numbers_amounts_and_ports() {
        let times = [
            ("90", Some(90)),
            ("1m30s", Some(90)),
            ("1M30", Some(90)),
            ("1w2d3h4m5s", Some(788_645)),
            ("+5", Some(5)),
            ("5x", None),
            ("-5", None),
            ("", None),
            ("m", None),
            ("9999999999", None),
            ("4000w", None),
        ];
        for (text, wanted) in times {
            assert_eq!(seconds(text), wanted, "{text}");
        }
        assert_eq!(number("-0", 9), Some(0));
        assert_eq!(number("-1", 9), None);
        assert_eq!(number("10", 9), None);
        assert_eq!(number("1x", 9), None);
        let amounts = [
            ("64K", Some(65_536)),
            ("1g", Some(1 << 30)),
            ("1.5M", Some(1_572_864)),
            (".5k", Some(512)),
            ("1.9", Some(1)),
            ("+7B", Some(7)),
            ("K", Some(0)),
            ("-0", Some(0)),
            ("-1", None),
            ("1KB", None),
            ("1.2.3K", None),
            ("7E", Some(7 << 60)),
            ("8E", None),
            ("1X", None),
            ("++1", None),
        ];
        for (text, wanted) in amounts {
            assert_eq!(scaled(text), wanted, "{text}");
        }
        assert_eq!(
            (port("22"), port("0"), port("65536"), port("no such")),
            (Some(22), None, None, None)
        );
        let file = "# names\nsmtp 25/tcp mail\nmail-x 26/udp mail\nssh\t22/tcp # SSH\nodd x/tcp\n";
        let found = ["ssh", "mail", "SSH", "#", "mail-x", "odd"].map(|name| service(file, name));
        assert_eq!(found, [Some(22), Some(25), None, None, None, None]);
    }
}
