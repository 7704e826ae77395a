//! Transfer syntaxes: how the data set is written and how its pixels are packed (PS3.5, annex A).

use super::data_set::Coding;

/// How one frame is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As they are.
    Native,
    /// Run lengths of bytes (PS3.5, annex G).
    Rle,
    /// JPEG of 8 bits, by discrete cosines.
    Jpeg,
    /// JPEG without loss (process 14).
    JpegLossless,
    /// JPEG-LS, with or without loss.
    JpegLs,
    /// JPEG 2000, with or without loss.
    Jpeg2000,
    /// A packing that is known and not read.
    Unread,
}

/// A transfer syntax: its identifier, its name, how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub uid: &'static str,
    pub name: &'static str,
    pub packing: Packing,
}

/// Base of the identifiers below.
const BASE: &str = "1.2.840.10008.1.2";

/// The end of an identifier, the name, how frames are packed.
const TABLE: [(&str, &str, Packing); 33] = [
    ("1.2.840.10008.1.2", "Implicit VR Little Endian", Packing::Native),
    ("1.2.840.10008.1.2.1", "Explicit VR Little Endian", Packing::Native),
    ("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian", Packing::Native),
    ("1.2.840.10008.1.2.2", "Explicit VR Big Endian", Packing::Native),
    ("1.2.840.10008.1.2.1.98", "Encapsulated Uncompressed", Packing::Native),
    ("1.2.840.10008.1.2.5", "RLE Lossless", Packing::Rle),
    ("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", Packing::Jpeg),
    ("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 and 4)", Packing::Jpeg),
    ("1.2.840.10008.1.2.4.57", "JPEG Lossless (Process 14)", Packing::JpegLossless),
    (
        "1.2.840.10008.1.2.4.70",
        "JPEG Lossless, First-Order Prediction (Process 14, Selection Value 1)",
        Packing::JpegLossless,
    ),
    ("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", Packing::JpegLs),
    ("1.2.840.10008.1.2.4.81", "JPEG-LS Near-Lossless", Packing::JpegLs),
    ("1.2.840.10008.1.2.4.90", "JPEG 2000 (Lossless Only)", Packing::Jpeg2000),
    ("1.2.840.10008.1.2.4.91", "JPEG 2000", Packing::Jpeg2000),
    ("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 (Lossless Only)", Packing::Unread),
    ("1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2", Packing::Unread),
    ("1.2.840.10008.1.2.4.94", "JPIP Referenced", Packing::Unread),
    ("1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate", Packing::Unread),
    ("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile", Packing::Unread),
    ("1.2.840.10008.1.2.4.101", "MPEG2 High Level", Packing::Unread),
    ("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile", Packing::Unread),
    ("1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible", Packing::Unread),
    ("1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 For 2D Video", Packing::Unread),
    ("1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 For 3D Video", Packing::Unread),
    ("1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 Stereo", Packing::Unread),
    ("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile", Packing::Unread),
    ("1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile", Packing::Unread),
    ("1.2.840.10008.1.2.4.110", "JPEG XL Lossless", Packing::Unread),
    ("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression", Packing::Unread),
    ("1.2.840.10008.1.2.4.112", "JPEG XL", Packing::Unread),
    ("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 (Lossless Only)", Packing::Unread),
    ("1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL", Packing::Unread),
    ("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000", Packing::Unread),
];

impl Syntax {
    /// The syntax of an identifier, if it is a known one.
    pub(crate) fn of(uid: &str) -> Option<Self> {
        let (uid, name, packing) = TABLE.iter().find(|(known, _, _)| *known == uid).copied()?;
        Some(Self { uid, name, packing })
    }

    /// How the data set after the file's own head is written.
    pub(crate) fn coding(self) -> Coding {
        Coding { big: self.uid == "1.2.840.10008.1.2.2", explicit: self.uid != BASE }
    }

    /// Whether the data set is deflated.
    pub(crate) fn is_deflated(self) -> bool {
        self.uid == "1.2.840.10008.1.2.1.99"
    }
}
