//! Words of graphs: what goes in, what comes out, how it is compared.

use serde::Deserialize;

words!(
    /// The order of the input tensor's axes.
    Layout {
        /// `[batch, channels, height, width]`.
        Nchw = "nchw",
        /// `[batch, height, width, channels]`.
        Nhwc = "nhwc",
    }
);
words!(
    /// Numbers of the input tensor.
    TensorType {
        /// 32-bit floats.
        F32 = "f32",
        /// 16-bit floats.
        F16 = "f16",
    }
);
words!(
    /// Numbers of an input that is wired.
    WireType {
        /// 32-bit floats.
        F32 = "f32",
        /// 32-bit integers.
        I32 = "i32",
        /// 64-bit integers.
        I64 = "i64",
    }
);
words!(
    /// How the named output becomes one vector, or many.
    Take {
        /// `[batch, dim]`, as it is.
        Vector = "vector",
        /// `[batch, dim]`, the pooled output of a transformer.
        Pooler = "pooler",
        /// `[batch, tokens, dim]`: token 0.
        Cls = "cls",
        /// `[batch, tokens, dim]`: the mean of the tokens after the prefix.
        MeanPatch = "mean_patch",
        /// `[batch, tokens, dim / 2]`: token 0, then the mean of the tokens after the prefix.
        ClsConcatMeanPatch = "cls_concat_mean_patch",
        /// `[batch, dim, height, width]`: the mean over height and width.
        GapNchw = "gap_nchw",
        /// `[batch, height, width, dim]`: the mean over height and width.
        GapNhwc = "gap_nhwc",
        /// `[batch, n, dim]`: n vectors of one picture.
        MultiVector = "multi_vector",
        /// All numbers of a picture, one after another.
        Flatten = "flatten",
    }
);
words!(
    /// What an output says.
    OutputRole {
        /// The picture's vector or vectors: what a collection stores.
        Image = "image",
        /// The text's vector.
        Text = "text",
        /// More of the picture, for clients that ask for it by name; not stored.
        Map = "map",
    }
);
words!(
    /// What an output is taken for where nobody says otherwise.
    Use {
        /// Compared with the text's vector.
        TextSearch = "text_search",
        /// Compared with other pictures'.
        ImageSearch = "image_search",
    }
);
words!(
    /// How vectors of this model are compared.
    SearchMetric {
        /// Angle.
        Cosine = "cosine",
        /// Inner product.
        Dot = "dot",
        /// Euclidean distance.
        L2 = "l2",
    }
);
words!(
    /// How many vectors of one picture are compared.
    LateInteraction {
        /// For each row of the query the most similar row of the point.
        Maxsim = "maxsim",
    }
);
words!(
    /// What people are shown of a comparison.
    ScoreDisplay {
        /// The share of a sample that is farther.
        Percentile = "percentile",
        /// The score itself.
        Raw = "raw",
        /// `1 / (1 + exp(-(logit_scale * cosine + logit_bias)))`.
        Sigmoid = "sigmoid",
    }
);
words!(
    /// How text becomes numbers.
    Tokenizer {
        /// BERT's: a list of pieces, one a line (`vocab.txt`).
        Wordpiece = "wordpiece",
        /// Byte pairs: `vocab.json` and `merges.txt`, CLIP's or GPT-2's.
        Bpe = "bpe",
        /// A SentencePiece model (`spiece.model`) of the kind unigram.
        Sentencepiece = "sentencepiece",
        /// A file of the library `tokenizers`, with everything in it.
        TokenizerJson = "tokenizer.json",
    }
);
words!(
    /// What the graph is told of padding.
    Mask {
        /// Nothing: it sees the padding as tokens.
        None = "none",
        /// 1 for a token, 0 for padding.
        Attention = "attention",
        /// 0 for a token, 1 for padding.
        InvertedPadding = "inverted_padding",
    }
);
