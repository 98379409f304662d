//! Media types by the names of files.

/// What is not known is bytes.
const UNKNOWN: &str = "application/octet-stream";

/// The files that are sent to APIs: documents, data, pictures, sounds, films and archives. What is not here is said by the spec.
#[rustfmt::skip]
const TABLE: &[(&str, &str)] = &[
    ("7z", "application/x-7z-compressed"), ("aac", "audio/aac"), ("avi", "video/x-msvideo"), ("avif", "image/avif"),
    ("bmp", "image/bmp"), ("bz2", "application/x-bzip2"), ("css", "text/css"), ("csv", "text/csv"),
    ("doc", "application/msword"), ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("eml", "message/rfc822"), ("epub", "application/epub+zip"), ("flac", "audio/flac"), ("gif", "image/gif"),
    ("gz", "application/gzip"), ("heic", "image/heic"), ("htm", "text/html"), ("html", "text/html"), ("ico", "image/vnd.microsoft.icon"),
    ("ics", "text/calendar"), ("jpeg", "image/jpeg"), ("jpg", "image/jpeg"), ("js", "text/javascript"), ("json", "application/json"),
    ("jsonl", "application/x-ndjson"), ("log", "text/plain"), ("m4a", "audio/mp4"), ("md", "text/markdown"), ("mkv", "video/x-matroska"),
    ("mov", "video/quicktime"), ("mp3", "audio/mpeg"), ("mp4", "video/mp4"), ("mpeg", "video/mpeg"), ("ndjson", "application/x-ndjson"),
    ("odp", "application/vnd.oasis.opendocument.presentation"), ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"), ("ogg", "audio/ogg"), ("parquet", "application/vnd.apache.parquet"),
    ("pdf", "application/pdf"), ("png", "image/png"), ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"), ("rtf", "application/rtf"),
    ("svg", "image/svg+xml"), ("tar", "application/x-tar"), ("tgz", "application/gzip"), ("tif", "image/tiff"), ("tiff", "image/tiff"),
    ("tsv", "text/tab-separated-values"), ("txt", "text/plain"), ("vcf", "text/vcard"), ("wasm", "application/wasm"), ("wav", "audio/wav"),
    ("webm", "video/webm"), ("webp", "image/webp"), ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), ("xml", "application/xml"), ("yaml", "application/yaml"),
    ("yml", "application/yaml"), ("zip", "application/zip"), ("zst", "application/zstd"),
];

/// Returns the media type of a file, by what stands after the last dot of its name.
pub(crate) fn of_name(name: &str) -> &'static str {
    let Some((_, ending)) = name.rsplit_once('.') else { return UNKNOWN };
    let ending = ending.to_ascii_lowercase();
    TABLE
        .binary_search_by_key(&&*ending, |(known, _)| known)
        .ok()
        .and_then(|at| TABLE.get(at))
        .map_or(UNKNOWN, |row| row.1)
}

#[cfg(test)]
mod tests {
    use super::{TABLE, of_name};

    #[test]
    fn knows_files_by_their_endings() {
        assert!(TABLE.is_sorted());
        for (name, expected) in [
            ("a.PDF", "application/pdf"),
            ("archive.tar.gz", "application/gzip"),
            ("Makefile", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            ("a.7z", "application/x-7z-compressed"),
        ] {
            assert_eq!(of_name(name), expected, "{name}");
        }
    }
}
