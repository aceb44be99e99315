//! Looking for decisions: newest first, or onwards from a row, narrowed by what the database has beside the bodies.

use super::{ReadError, Reader, read::page, signed, unsigned};
use wire::Row;

/// What to look for. Rows that are no decisions are found only if no column is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Rows below this one, newest first. Without it, and without `after`, from the newest on.
    pub before: Option<u64>,
    /// Rows above this one, oldest first.
    pub after: Option<u64>,
    /// Not older than this, in ms since 1970.
    pub from: u64,
    /// Columns and the words that they must hold: `path`, `verdict`, `source`, `traversal`.
    pub columns: Vec<(&'static str, &'static str)>,
    /// At most so many, and at most [`Reader::PAGE`].
    pub limit: usize,
}

impl Reader {
    /// Finds rows.
    pub async fn search(&self, search: &Search) -> Result<Vec<Row>, ReadError> {
        let mut sql = String::from("at >= ?");
        for (column, word) in &search.columns {
            // Known words only: they stand in the text, so that the index on refusals is used.
            if let ("path" | "verdict" | "source" | "traversal", true) =
                (*column, word.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-')))
            {
                sql.push_str(&format!(" AND {column} = '{word}'"));
            }
        }
        let bound = match (search.after, search.before) {
            (Some(after), _) => {
                sql.push_str(" AND row > ? ORDER BY row LIMIT ?");
                signed(after)
            }
            (None, before) => {
                sql.push_str(" AND row < ? ORDER BY row DESC LIMIT ?");
                before.map_or(i64::MAX, signed)
            }
        };
        self.rows(&sql, |it| it.bind(signed(search.from)).bind(bound).bind(page(search.limit))).await
    }

    /// Whom a rule (`plugin/rule`) refused since a time, and how often: most often first.
    pub async fn hits(&self, rule: &str, from: u64, limit: usize) -> Result<Vec<(String, u64)>, ReadError> {
        let sql = "SELECT user, count(*) FROM entry WHERE verdict = 'deny' AND rule = ? AND at >= ? \
                   GROUP BY user ORDER BY 2 DESC, 1 LIMIT ?";
        let query = sqlx::query_as(sql).bind(rule.to_owned()).bind(signed(from)).bind(page(limit));
        let found: Vec<(String, i64)> = query.fetch_all(self.pool()).await?;
        Ok(found.into_iter().map(|(user, count)| (user, unsigned(count))).collect())
    }
}
