/**
 * How messages name the options of a request: as the request does, unless a caller has other names for them, such as a
 * command with flags.
 */

/** Options that messages name. */
export type NamedOption = 'out' | 'format' | 'partSize' | 'count' | 'shard' | 'force';

/** The name of an option in messages. */
export type OptionName = (option: NamedOption) => string;

export const plainName: OptionName = (option) => option;
