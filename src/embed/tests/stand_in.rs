//! Stand-ins: graphs with the inputs, outputs, names and shapes of published models, and random
//! weights of a seed inside. They prove the way, not the numbers. Files are written field by field
//! (`onnx.proto`), so that no test needs Python or a download.

#![allow(dead_code, reason = "each test binary takes what it needs")]

use std::fs;
use std::path::Path;

/// A protocol-buffer message as it grows.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn number(self, field: u64, value: i64) -> Self {
        self.varint(field << 3).varint(value as u64)
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut message = self.varint(field << 3 | 2).varint(bytes.len() as u64);
        message.0.extend_from_slice(bytes);
        message
    }

    fn message(self, field: u64, message: Self) -> Self {
        self.bytes(field, &message.0)
    }

    fn float(self, field: u64, value: f32) -> Self {
        let mut message = self.varint(field << 3 | 5);
        message.0.extend(value.to_le_bytes());
        message
    }
}

/// ONNX's numbers of element types.
pub const FLOAT: i64 = 1;
pub const INT32: i64 = 6;
pub const INT64: i64 = 7;

/// An axis: a size, or any.
pub const ANY: i64 = -1;

/// One attribute of a node.
pub enum With<'a> {
    Ints(&'a str, &'a [i64]),
    Int(&'a str, i64),
}

/// A graph as it grows.
pub struct Graph {
    body: Message,
    seed: u64,
}

impl Graph {
    pub fn new(seed: u64) -> Self {
        Self { body: Message::default().bytes(2, b"stand-in"), seed }
    }

    fn value(name: &str, element: i64, axes: &[i64]) -> Message {
        let mut shape = Message::default();
        for &axis in axes {
            let size = match axis {
                ANY => Message::default().bytes(2, b"batch"),
                size => Message::default().number(1, size),
            };
            shape = shape.message(1, size);
        }
        let tensor = Message::default().number(1, element).message(2, shape);
        Message::default().bytes(1, name.as_bytes()).message(2, Message::default().message(1, tensor))
    }

    pub fn input(mut self, name: &str, element: i64, axes: &[i64]) -> Self {
        self.body = self.body.message(11, Self::value(name, element, axes));
        self
    }

    pub fn output(mut self, name: &str, axes: &[i64]) -> Self {
        self.body = self.body.message(12, Self::value(name, FLOAT, axes));
        self
    }

    pub fn node(mut self, op: &str, inputs: &[&str], output: &str, with: &[With<'_>]) -> Self {
        let mut node = Message::default();
        for input in inputs {
            node = node.bytes(1, input.as_bytes());
        }
        node = node.bytes(2, output.as_bytes()).bytes(4, op.as_bytes());
        for with in with {
            let attribute = match with {
                With::Int(name, value) => {
                    Message::default().bytes(1, name.as_bytes()).number(3, *value).number(20, 2)
                }
                With::Ints(name, values) => {
                    let start = Message::default().bytes(1, name.as_bytes());
                    values.iter().fold(start, |m, &value| m.number(8, value)).number(20, 7)
                }
            };
            node = node.message(5, attribute);
        }
        self.body = self.body.message(1, node);
        self
    }

    /// Weights from -1 to 1 by SplitMix64, divided by `scale`.
    pub fn weights(mut self, name: &str, dims: &[i64], scale: f32) -> Self {
        let count: i64 = dims.iter().product();
        let raw: Vec<u8> = (0..count).flat_map(|_| (self.draw() / scale).to_le_bytes()).collect();
        self.body = self.body.message(5, Self::tensor(name, FLOAT, dims, &raw));
        self
    }

    pub fn constant(mut self, name: &str, value: f32) -> Self {
        let raw = value.to_le_bytes();
        self.body = self.body.message(5, Self::tensor(name, FLOAT, &[1], &raw));
        self
    }

    pub fn shape(mut self, name: &str, sizes: &[i64]) -> Self {
        let raw: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
        self.body = self.body.message(5, Self::tensor(name, INT64, &[sizes.len() as i64], &raw));
        self
    }

    fn tensor(name: &str, element: i64, dims: &[i64], raw: &[u8]) -> Message {
        let start = dims.iter().fold(Message::default(), |m, &dim| m.number(1, dim));
        start.number(2, element).bytes(8, name.as_bytes()).bytes(9, raw)
    }

    fn draw(&mut self) -> f32 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }

    /// The file's bytes.
    pub fn finish(self) -> Vec<u8> {
        let opset = Message::default().bytes(1, b"").number(2, 13);
        Message::default().number(1, 8).message(8, opset).message(7, self.body).0
    }
}

const TO_NCHW: With<'static> = With::Ints("perm", &[0, 3, 1, 2]);

/// Pixels of `side` to `dim` numbers: the mean of 4 x 4 blocks, then a matrix.
fn towers(seed: u64, (input, output): (&str, &str), side: i64, dim: i64, nhwc: bool) -> Graph {
    let axes = if nhwc { [ANY, side, side, 3] } else { [ANY, 3, side, side] };
    let graph = Graph::new(seed).input(input, FLOAT, &axes).weights("w", &[48, dim], 2.0);
    let graph = match nhwc {
        true => graph.node("Transpose", &[input], "planes", &[TO_NCHW]),
        false => graph.node("Identity", &[input], "planes", &[]),
    };
    let block = [side / 4, side / 4];
    let pool = [With::Ints("kernel_shape", &block), With::Ints("strides", &block)];
    graph
        .node("AveragePool", &["planes"], "blocks", &pool)
        .node("Flatten", &["blocks"], "flat", &[With::Int("axis", 1)])
        .output(output, &[ANY, dim])
}

/// Path Foundation: `inputs` `[n, 224, 224, 3]` -> `output_0` `[n, 384]`.
pub fn path_foundation() -> Vec<u8> {
    let graph = towers(1, ("inputs", "output_0"), 224, 384, true);
    graph.node("MatMul", &["flat", "w"], "output_0", &[]).finish()
}

/// Derm Foundation: `inputs` `[n, 448, 448, 3]` -> `embedding` `[n, 6144]`, none negative.
pub fn derm_foundation() -> Vec<u8> {
    let graph = towers(2, ("inputs", "embedding"), 448, 6144, true);
    let graph = graph.node("MatMul", &["flat", "w"], "signed", &[]);
    graph.node("Relu", &["signed"], "embedding", &[]).finish()
}

/// MedSigLIP's picture side: `pixel_values` `[n, 3, 448, 448]` -> `image_embeds` `[n, 1152]`.
pub fn medsiglip_image() -> Vec<u8> {
    let graph = towers(3, ("pixel_values", "image_embeds"), 448, 1152, false);
    graph.node("MatMul", &["flat", "w"], "image_embeds", &[]).finish()
}

/// MedSigLIP's text side: `input_ids` `[n, 64]` -> `text_embeds` `[n, 1152]`.
pub fn medsiglip_text() -> Vec<u8> {
    Graph::new(4)
        .input("input_ids", INT64, &[ANY, 64])
        .weights("w", &[64, 1152], 8.0)
        .node("Cast", &["input_ids"], "floats", &[With::Int("to", FLOAT)])
        .node("Sin", &["floats"], "waves", &[])
        .node("MatMul", &["waves", "w"], "text_embeds", &[])
        .output("text_embeds", &[ANY, 1152])
        .finish()
}

/// CXR Foundation's picture net: `image` `[n, 1280, 1280, 3]` -> `feature_maps_0`
/// `[n, 8, 8, 1376]`.
pub fn elixr_c() -> Vec<u8> {
    let block = [160, 160];
    let pool = [With::Ints("kernel_shape", &block), With::Ints("strides", &block)];
    Graph::new(5)
        .input("image", FLOAT, &[ANY, 1280, 1280, 3])
        .weights("w", &[1376, 3, 1, 1], 1.0)
        .node("Transpose", &["image"], "planes", &[TO_NCHW])
        .node("AveragePool", &["planes"], "blocks", &pool)
        .node("Conv", &["blocks", "w"], "maps", &[With::Ints("kernel_shape", &[1, 1])])
        .node("Transpose", &["maps"], "feature_maps_0", &[With::Ints("perm", &[0, 2, 3, 1])])
        .output("feature_maps_0", &[ANY, 8, 8, 1376])
        .finish()
}

/// CXR Foundation's Q-Former, of one item a call: `image_feature`, `ids`, `paddings` ->
/// `img_emb` `[1, 32, 768]`, `all_contrastive_img_emb` `[1, 32, 128]`, `contrastive_txt_emb`
/// `[1, 128]`.
pub fn qformer() -> Vec<u8> {
    Graph::new(6)
        .input("image_feature", FLOAT, &[1, 8, 8, 1376])
        .input("ids", INT32, &[1, 1, 128])
        .input("paddings", FLOAT, &[1, 1, 128])
        .weights("general", &[43, 768], 4.0)
        .weights("contrast", &[43, 128], 4.0)
        .weights("words", &[128, 128], 4.0)
        .constant("one", 1.0)
        .shape("queries", &[1, 32, 43])
        .shape("line", &[1, 128])
        .node("ReduceMean", &["image_feature"], "means", &[
            With::Ints("axes", &[1, 2]),
            With::Int("keepdims", 0),
        ])
        .node("Reshape", &["means", "queries"], "rows", &[])
        .node("MatMul", &["rows", "general"], "img_emb", &[])
        .node("MatMul", &["rows", "contrast"], "all_contrastive_img_emb", &[])
        .node("Cast", &["ids"], "floats", &[With::Int("to", FLOAT)])
        .node("Sin", &["floats"], "waves", &[])
        .node("Sub", &["one", "paddings"], "said", &[])
        .node("Mul", &["waves", "said"], "heard", &[])
        .node("Reshape", &["heard", "line"], "flat", &[])
        .node("MatMul", &["flat", "words"], "contrastive_txt_emb", &[])
        .output("img_emb", &[1, 32, 768])
        .output("all_contrastive_img_emb", &[1, 32, 128])
        .output("contrastive_txt_emb", &[1, 128])
        .finish()
}

/// The files of a preset's stand-in by their names.
pub fn files(preset: &str) -> Vec<(&'static str, Vec<u8>)> {
    let tokenizers = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tokenizers");
    let tokenizer = |name: &str| {
        let here = Path::new(tokenizers).join(name);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers").join(name);
        fs::read(here).or_else(|_| fs::read(root)).expect("a tokenizer")
    };
    match preset {
        "path-foundation" => vec![("model.onnx", path_foundation())],
        "derm-foundation" => vec![("model.onnx", derm_foundation())],
        "cxr-elixr-v2" => vec![
            ("elixr_c.onnx", elixr_c()),
            ("qformer.onnx", qformer()),
            ("vocab.txt", tokenizer("vocab.txt")),
        ],
        _ => vec![
            ("model.onnx", medsiglip_image()),
            ("text.onnx", medsiglip_text()),
            ("spiece.model", tokenizer("spiece.model")),
        ],
    }
}

/// Writes a preset's stand-in into `folder` and returns it.
#[expect(clippy::disallowed_methods, reason = "a test's own files")]
pub fn write(folder: &Path, preset: &str) -> std::path::PathBuf {
    let place = folder.join(format!("{preset}-weights"));
    fs::create_dir_all(&place).expect("a folder");
    for (name, bytes) in files(preset) {
        fs::write(place.join(name), bytes).expect("written");
    }
    place
}
