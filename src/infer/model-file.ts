/** How large a model's file may be: one place for all that read one. */

/** Most bytes of a file: protobuf's own limit. */
export const MAX_MODEL_BYTES = 2 ** 31;

/** Most bytes that a page or a download takes unless told otherwise. */
export const MAX_DOWNLOAD_BYTES = 512 * 2 ** 20;
