// References to code, as task files write them.

/** Returns the plugin or script that a reference such as `plugins.media#thumbnail` names. */
export function pluginOf(process) {
  return String(process ?? "").split("#")[0];
}
