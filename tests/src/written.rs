//! What a run wrote, as a text that can be compared and read.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::printer::print_schema;

/// Reads a file: packed ones unpacked, and of Parquet the schema, the row groups and the rows.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => MultiGzDecoder::new(File::open(path)?).read_to_string(&mut text)?,
        Some("zst") => zstd::stream::read::Decoder::new(File::open(path)?)?.read_to_string(&mut text)?,
        Some("parquet") => return columns(path),
        _ => return fs::read_to_string(path),
    };
    Ok(text)
}

fn columns(path: &Path) -> io::Result<String> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    let mut schema = Vec::new();
    print_schema(&mut schema, reader.metadata().file_metadata().schema());
    let mut text = schema;
    for group in reader.metadata().row_groups() {
        let packed = group.columns().first().map(parquet::file::metadata::ColumnChunkMetaData::compression);
        writeln!(text, "{} rows, {packed:?}", group.num_rows())?;
    }
    for row in reader.get_row_iter(None)? {
        writeln!(text, "{}", row?)?;
    }
    String::from_utf8(text).map_err(io::Error::other)
}
