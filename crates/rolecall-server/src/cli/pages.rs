//! Lists, read page by page until their end.

use crate::error::ApiError;

/// Rows of one page.
const PAGE: i64 = 200;

/// Every row of a list. `read` gives up to so many rows after a place, which is empty at first; `place` says
/// where a row stands.
pub(super) async fn all<T>(
    read: impl AsyncFn(&str, i64) -> Result<Vec<T>, ApiError>,
    place: impl Fn(&T) -> String,
) -> Result<Vec<T>, ApiError> {
    let mut rows: Vec<T> = Vec::new();
    loop {
        let after = rows.last().map_or_else(String::new, &place);
        let page = read(&after, PAGE).await?;
        let is_last = page.len() < usize::try_from(PAGE).unwrap_or(0);
        rows.extend(page);
        if is_last {
            return Ok(rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_row_is_read_once_whatever_the_last_page_holds() {
        for count in [0, 1, 199, 200, 201, 400, 450] {
            let read = async |after: &str, limit: i64| {
                let first = after.parse::<i64>().map_or(0, |after| after + 1);
                Ok((first..count.min(first + limit)).collect())
            };
            let rows = all(read, ToString::to_string).await.unwrap();
            assert_eq!(rows, (0..count).collect::<Vec<i64>>());
        }
    }
}
