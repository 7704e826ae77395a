//! DICOM files made for tests: explicit VR little endian, element by element.
