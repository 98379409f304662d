//! Packed files. Each page is packed by itself, and what is packed in pieces is read as one: members of gzip (RFC 1952 §2.2), frames of Zstandard
//! (RFC 8878 §3). So a file that ends with a page is whole, and can be added to.

use std::borrow::Cow;
use std::io::{self, BufReader, Read, Write};

use engine_runtime::FileCompression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use zstd::zstd_safe::CParameter;

/// Packs a page.
pub(crate) fn pack(compression: FileCompression, page: &[u8]) -> io::Result<Cow<'_, [u8]>> {
    Ok(match compression {
        FileCompression::None => Cow::Borrowed(page),
        FileCompression::Gzip => {
            let mut member = GzEncoder::new(Vec::new(), flate2::Compression::default());
            member.write_all(page)?;
            Cow::Owned(member.finish()?)
        }
        FileCompression::Zstd => {
            let mut packer = zstd::bulk::Compressor::new(zstd::DEFAULT_COMPRESSION_LEVEL)?;
            packer.set_parameter(CParameter::ChecksumFlag(true))?;
            Cow::Owned(packer.compress(page)?)
        }
    })
}

/// Reads what was packed.
pub(crate) fn unpacked<'a>(
    compression: FileCompression,
    file: impl Read + Send + 'a,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression {
        FileCompression::None => Box::new(file),
        FileCompression::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        FileCompression::Zstd => Box::new(zstd::stream::read::Decoder::new(file)?),
    })
}

/// Reads a packed file to its end, which it must have, and returns its last byte.
pub(crate) fn last_byte(compression: FileCompression, file: impl Read + Send) -> io::Result<Option<u8>> {
    let mut unpacked = unpacked(compression, file)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut last = None;
    loop {
        match unpacked.read(&mut buffer) {
            Ok(0) => return Ok(last),
            Ok(length) => last = buffer.get(length - 1).copied(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
