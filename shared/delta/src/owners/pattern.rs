//! Patterns of CODEOWNERS files: those of gitignore, without negation, ranges and an escaped `#`.
//!
//! Rules: <https://git-scm.com/docs/gitignore#_pattern_format> and the exceptions in
//! <https://docs.github.com/articles/about-code-owners>.

/// A pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
    /// Whether what lies below a match is matched too: not after a last `*`.
    descends: bool,
}

/// A path, cut at its slashes once for all patterns that it is held against.
#[derive(Clone, Debug)]
pub(crate) struct Segments(Vec<Vec<char>>);

impl Segments {
    pub(crate) fn of(path: &str) -> Self {
        Self(path.split('/').map(|name| name.chars().collect()).collect())
    }
}

/// What stands between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`: any number of folders.
    Folders,
    /// Anything else.
    Name(Vec<Token>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Is(char),
    /// `?`
    One,
    /// `*`
    Some,
}

/// Why a pattern is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// `!` at the beginning.
    Negation,
    /// `[` or `]`: a range, or the heading of a section as GitLab knows it.
    Brackets,
    /// `\#` at the beginning.
    EscapedHash,
    /// Three or more `*` in a row.
    Asterisks,
    /// A `\` at the end escapes nothing.
    Backslash,
    /// Nothing but slashes.
    Empty,
}

impl PatternError {
    /// The problem in a sentence, for readers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Negation => "the pattern begins with !, and CODEOWNERS knows no negation",
            Self::Brackets => "the pattern has brackets, and CODEOWNERS knows neither ranges nor sections",
            Self::EscapedHash => "the pattern begins with \\#, which CODEOWNERS does not know",
            Self::Asterisks => "the pattern has more than two * in a row",
            Self::Backslash => "the pattern ends with a \\ that escapes nothing",
            Self::Empty => "the pattern is empty",
        }
    }
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        if text.starts_with('!') {
            return Err(PatternError::Negation);
        }
        if text.starts_with("\\#") {
            return Err(PatternError::EscapedHash);
        }
        if text.contains(['[', ']']) {
            return Err(PatternError::Brackets);
        }
        if text.contains("***") {
            return Err(PatternError::Asterisks);
        }
        let (rooted, text) = match text.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (of_folder, text) = match text.strip_suffix('/') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        let mut parts = Vec::new();
        // Without a slash at the beginning or in the middle it may lie anywhere.
        if !rooted && !text.contains('/') {
            parts.push(Part::Folders);
        }
        for part in text.split('/') {
            let part = if part == "**" { Part::Folders } else { Part::Name(tokens(part)?) };
            // Several in a row are one, or matching would take longer and longer.
            if part != Part::Folders || parts.last() != Some(&Part::Folders) {
                parts.push(part);
            }
        }
        let last_is_star = parts.last() == Some(&Part::Name(vec![Token::Some]));
        if of_folder {
            // `a/**/` is what lies in the folders of a, not what lies in a.
            if parts.last() == Some(&Part::Folders) {
                parts.push(Part::Name(vec![Token::Some]));
            }
            parts.push(Part::Folders);
        }
        Ok(Self { parts, descends: !last_is_star && !of_folder })
    }

    /// Whether it matches a path. Takes time in proportion to the product of both lengths at most; most patterns of a file
    /// differ from a path in their first folder already.
    pub(crate) fn matches(&self, path: &Segments) -> bool {
        let path = &path.0;
        match (self.parts.first(), path.first()) {
            (Some(Part::Name(tokens)), Some(name)) if !name_matches(tokens, name) => return false,
            _ => {}
        }
        // `reached[i]`: the parts so far match the first i of the path.
        let mut reached = vec![false; path.len() + 1];
        reached[0] = true;
        for (at, part) in self.parts.iter().enumerate() {
            let Some(first) = reached.iter().position(|reached| *reached) else { return false };
            match part {
                // At the end it stands for what lies in a folder, so for one name at least.
                Part::Folders if at + 1 == self.parts.len() => return first < path.len(),
                Part::Folders => reached[first..].fill(true),
                Part::Name(tokens) => {
                    for end in (1..=path.len()).rev() {
                        reached[end] = reached[end - 1] && name_matches(tokens, &path[end - 1]);
                    }
                    reached[0] = false;
                }
            }
        }
        reached[path.len()] || (self.descends && reached.contains(&true))
    }
}

fn tokens(part: &str) -> Result<Vec<Token>, PatternError> {
    let mut tokens = Vec::new();
    let mut rest = part.chars();
    while let Some(c) = rest.next() {
        tokens.push(match c {
            '\\' => Token::Is(rest.next().ok_or(PatternError::Backslash)?),
            '?' => Token::One,
            // Within a name two are one.
            '*' if tokens.last() == Some(&Token::Some) => continue,
            '*' => Token::Some,
            c => Token::Is(c),
        });
    }
    Ok(tokens)
}

/// Goes back to the last `*` only, which is enough: an earlier one can take nothing that the last cannot.
fn name_matches(tokens: &[Token], name: &[char]) -> bool {
    let (mut at, mut token) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match tokens.get(token) {
            Some(Token::Some) => {
                star = Some((token, at));
                token += 1;
            }
            Some(Token::One) => (at, token) = (at + 1, token + 1),
            Some(Token::Is(c)) if *c == name[at] => (at, token) = (at + 1, token + 1),
            _ => {
                let Some((of_star, taken)) = star else { return false };
                star = Some((of_star, taken + 1));
                (at, token) = (taken + 1, of_star + 1);
            }
        }
    }
    // An empty name (a//b) is no name: not even `*` stands for it.
    !name.is_empty() && tokens[token..].iter().all(|token| *token == Token::Some)
}
