/** What the build wrote into the binary; from the sources: development values. */

declare const BUILD_VERSION: string | undefined;
declare const BUILD_COMMIT: string | undefined;

export const VERSION: string = typeof BUILD_VERSION === "string" ? BUILD_VERSION : "0.0.0-dev";
export const COMMIT: string = typeof BUILD_COMMIT === "string" ? BUILD_COMMIT : "";
export const IS_COMPILED: boolean = typeof BUILD_VERSION === "string";
