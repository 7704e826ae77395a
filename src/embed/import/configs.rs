//! Hugging Face's `preprocessor_config.json`, open_clip's and timm's configurations.

use serde_json::Value;

use super::{Facts, side, three};
use crate::vocabulary::{GeometryRule, Kernel, ScalingBase, Take};

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// The kernels' names in open_clip and timm.
fn named_kernel(word: &str) -> Option<Kernel> {
    match word {
        "bilinear" => Some(Kernel::Bilinear),
        "bicubic" => Some(Kernel::Bicubic),
        "lanczos" => Some(Kernel::Lanczos),
        "nearest" => Some(Kernel::Nearest),
        _ => None,
    }
}

/// `preprocessor_config.json` of an image processor.
pub(super) fn preprocessor(text: &str, facts: &mut Facts) -> Result<(), String> {
    let config = json(text)?;
    let yes = |key: &str, usual: bool| config.get(key).and_then(Value::as_bool).unwrap_or(usual);
    let crops = yes("do_center_crop", config.get("crop_size").is_some());
    let crop = config.get("crop_size").and_then(square);
    let size = config.get("size");
    let shortest = size.and_then(|size| side(size.get("shortest_edge")?));
    match (yes("do_resize", true), crops) {
        (true, true) => {
            facts.rule = Some(GeometryRule::ShortestThenCenterCrop);
            facts.resize = shortest.or_else(|| size.and_then(square));
            facts.side = crop.or(facts.resize);
        }
        (true, false) => {
            let whole = size.and_then(square);
            facts.rule = Some(match whole {
                Some(_) => GeometryRule::Squash,
                None => GeometryRule::ShortestThenCenterCrop,
            });
            facts.side = whole.or(shortest);
            facts.resize = shortest;
        }
        (false, true) => {
            facts.rule = Some(GeometryRule::CenterCropOnly);
            facts.side = crop;
        }
        (false, false) => facts.rule = Some(GeometryRule::Exact),
    }
    if facts.side.is_none() {
        facts.notes.push("size: it is no square, or missing".to_owned());
    }
    facts.kernel = match config.get("resample").and_then(Value::as_u64) {
        Some(0) => Some(Kernel::Nearest),
        Some(1) => Some(Kernel::Lanczos),
        Some(2) => Some(Kernel::Bilinear),
        Some(3) => Some(Kernel::Bicubic),
        _ => None,
    };
    rescaling(&config, yes("do_rescale", true), facts);
    if yes("do_normalize", true) {
        facts.mean = config.get("image_mean").and_then(three);
        facts.std = config.get("image_std").and_then(three);
    }
    if yes("do_pad", false) {
        facts.notes.push("do_pad: how it is filled is not said".to_owned());
    }
    Ok(())
}

fn rescaling(config: &Value, rescales: bool, facts: &mut Facts) {
    let factor = config.get("rescale_factor").and_then(Value::as_f64);
    let near = |wanted: f64| factor.is_some_and(|factor| (factor * wanted - 1.0).abs() < 1e-4);
    facts.base = match rescales {
        false => Some(ScalingBase::None),
        true if factor.is_none() || near(255.0) => Some(ScalingBase::U8_255),
        true if near(127.5) => Some(ScalingBase::Signed127_5),
        true => {
            facts.notes.push(format!("rescale_factor {factor:?} has no word of its own"));
            None
        }
    };
}

/// A number, or height and width that are equal.
fn square(value: &Value) -> Option<u32> {
    side(value).or_else(|| {
        let (height, width) = (side(value.get("height")?)?, side(value.get("width")?)?);
        (height == width).then_some(height)
    })
}

/// `open_clip_config.json`.
pub(super) fn open_clip(text: &str, facts: &mut Facts) -> Result<(), String> {
    let config = json(text)?;
    let vision = config.pointer("/model_cfg/vision_cfg/image_size");
    let own = config.pointer("/preprocess_cfg/size");
    let size = own.or(vision).and_then(|size| side(size).or_else(|| side(size.get(0)?)));
    facts.side = facts.side.or(size);
    facts.resize = facts.resize.or(size);
    let mode = config.pointer("/preprocess_cfg/resize_mode").and_then(Value::as_str);
    facts.rule = Some(match mode.unwrap_or("shortest") {
        "squash" => GeometryRule::Squash,
        "longest" => GeometryRule::LongestThenPad,
        _ => GeometryRule::ShortestThenCenterCrop,
    });
    let kernel = config.pointer("/preprocess_cfg/interpolation").and_then(Value::as_str);
    facts.kernel = named_kernel(kernel.unwrap_or("bicubic"));
    facts.base = Some(ScalingBase::U8_255);
    // open_clip's own numbers where the file says none.
    const MEAN: [f64; 3] = [0.48145466, 0.4578275, 0.40821073];
    const STD: [f64; 3] = [0.26862954, 0.26130258, 0.27577711];
    let numbers = |key: &str| config.pointer(&format!("/preprocess_cfg/{key}")).and_then(three);
    facts.mean = Some(numbers("mean").unwrap_or(MEAN));
    facts.std = Some(numbers("std").unwrap_or(STD));
    let dim = config.pointer("/model_cfg/embed_dim").and_then(Value::as_u64);
    facts.dim = dim.and_then(|dim| usize::try_from(dim).ok());
    facts.take = Some(Take::Vector);
    if config.pointer("/model_cfg/text_cfg").is_some() {
        facts.notes.push("text: the model has a text tower; add [text] for its graph".to_owned());
    }
    Ok(())
}

/// timm's `config.json`; another program's file of that name says nothing here.
pub(super) fn timm(text: &str, facts: &mut Facts) -> Result<(), String> {
    let config = json(text)?;
    let Some(cfg) = config.get("pretrained_cfg") else {
        facts.notes.push("config.json is not timm's: nothing was taken from it".to_owned());
        return Ok(());
    };
    let of = |key: &str| cfg.get(key).or_else(|| config.get(key));
    facts.name = of("architecture").and_then(Value::as_str).map(str::to_owned);
    let input = of("fixed_input_size").and(of("input_size")).or_else(|| of("input_size"));
    let size = input.and_then(|size| side(size.get(1)?));
    facts.side = size.or(facts.side);
    let share = of("crop_pct").and_then(Value::as_f64).unwrap_or(0.875);
    // timm's `int(math.floor(img_size / crop_pct))`.
    facts.resize = facts.side.map(|side| (f64::from(side) / share).floor() as u32);
    let mode = of("crop_mode").and_then(Value::as_str).unwrap_or("center");
    facts.rule = Some(match mode {
        "squash" if facts.resize == facts.side => GeometryRule::Squash,
        "border" => GeometryRule::LongestThenPad,
        _ => GeometryRule::ShortestThenCenterCrop,
    });
    if mode != "center" && facts.resize != facts.side {
        facts.notes.push(format!("crop_mode {mode} with crop_pct {share} has no word of its own"));
    }
    facts.kernel = named_kernel(of("interpolation").and_then(Value::as_str).unwrap_or("bilinear"));
    facts.mean = of("mean").and_then(three);
    facts.std = of("std").and_then(three);
    facts.base = Some(ScalingBase::U8_255);
    let dim = of("num_features").and_then(Value::as_u64);
    facts.dim = dim.and_then(|dim| usize::try_from(dim).ok());
    facts.take = match of("global_pool").and_then(Value::as_str) {
        Some("token") => Some(Take::Cls),
        Some("avg") => Some(Take::Vector),
        _ => None,
    };
    if facts.take == Some(Take::Cls) {
        facts.notes.push("outputs.take: cls, if the graph gives all tokens; else vector".into());
    }
    Ok(())
}
