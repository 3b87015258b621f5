//! Rust source as far as the ratchet must understand it: comments, strings and tests taken out, functions found.

/// Replaces comments, strings and character literals by blanks; line breaks stay.
pub(crate) fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = hidden_length(rest, out.chars().last());
        let taken = if length == 0 { first.len_utf8() } else { length };
        let (piece, after) = rest.split_at(taken.min(rest.len()));
        if length == 0 {
            out.push_str(piece);
        } else {
            out.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    out
}

/// The length of the comment or literal that starts here, 0 when none does.
fn hidden_length(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with('"') {
        return quoted(rest, 1);
    }
    if !in_word && (rest.starts_with("b\"") || rest.starts_with("c\"")) {
        return quoted(rest, 2);
    }
    if !in_word && (rest.starts_with("r\"") || rest.starts_with("r#") || rest.starts_with("br")) {
        return raw_string(rest);
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    0
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0usize;
    let bytes = rest.as_bytes();
    let mut at = 0;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &str, start: usize) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(start) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> usize {
    let start = rest.trim_start_matches('b').trim_start_matches('r');
    let marks = start.len() - start.trim_start_matches('#').len();
    if !start[marks..].starts_with('"') {
        return 0; // r#keyword
    }
    let close = format!("\"{}", "#".repeat(marks));
    let body = rest.len() - start.len() + marks + 1;
    rest[body..].find(&close).map_or(rest.len(), |at| body + at + close.len())
}

/// A character literal; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[2..].find('\'').map_or(0, |at| if at == 0 { 4 } else { at + 3 }),
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

/// Cuts out `#[cfg(test)]` items from masked source.
pub(crate) fn without_tests(masked: &str) -> String {
    let mut out = String::new();
    let mut rest = masked;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = match (item.find('{'), item.find(';')) {
            (Some(open), semicolon) if semicolon.is_none_or(|s| s > open) => open + braces(&item[open..]),
            (_, Some(semicolon)) => semicolon + 1,
            _ => item.len(),
        };
        rest = &item[end..];
    }
    out.push_str(rest);
    out
}

/// The modules in files of their own that masked source declares for tests only.
pub(crate) fn test_modules(masked: &str) -> Vec<&str> {
    let items = masked.split("#[cfg(test)]").skip(1).filter_map(|item| item.split([';', '{']).next());
    items.filter_map(|item| item.split_once("mod ").map(|(_, name)| name.trim())).collect()
}

/// The length of the block that starts with the first brace of masked source.
fn braces(block: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in block.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    block.len()
}

/// How often a word stands in masked source.
pub(crate) fn words(masked: &str, word: &str) -> usize {
    masked.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|piece| *piece == word).count()
}

/// The lines of the longest function body.
pub(crate) fn longest_function(masked: &str) -> usize {
    let starts = masked.match_indices("fn ").filter(|(at, _)| {
        let before = masked[..*at].chars().last();
        before.is_none_or(|c| !(c.is_alphanumeric() || c == '_'))
    });
    starts.map(|(at, _)| function_lines(&masked[at..])).max().unwrap_or(0)
}

fn function_lines(item: &str) -> usize {
    let Some(open) = item.find('{') else { return 0 };
    let ends_before = item.find(';').is_some_and(|semicolon| semicolon < open && !item[..semicolon].contains('['));
    if ends_before { 0 } else { item[open..open + braces(&item[open..])].lines().count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_what_is_no_code() {
        let text =
            "let a = \"unwrap()\"; // as\n/* as /* x */ as */ let c = '\\'' as u8; let l: &'static str = r#\"as\"#;";
        let masked = masked(text);
        assert_eq!(words(&masked, "as"), 1);
        assert_eq!(words(&masked, "unwrap"), 0);
        assert_eq!(words(&masked, "static"), 1);
        assert_eq!(masked.lines().count(), 2);
    }

    #[test]
    fn cuts_tests() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { x.unwrap() } }\n#[cfg(test)]\nmod more;\nfn c() {}";
        let cut = without_tests(text);
        assert_eq!(words(&cut, "unwrap"), 0);
        assert_eq!(words(&cut, "fn"), 2);
        assert_eq!(test_modules(text), ["tests", "more"]);
    }

    #[test]
    fn measures_functions() {
        assert_eq!(longest_function("fn a();\nfn b() {\n  {\n  }\n}\nfn c() {}"), 4);
    }
}
