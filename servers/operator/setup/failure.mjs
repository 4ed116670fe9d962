// The one way a set-up step fails: what is missing, and what the user can do about it.

export class SetupFailure extends Error {
  /**
   * @param {string} what one sentence, no full stop needed
   * @param {string} [remedy] the line to run, or what to change
   */
  constructor(what, remedy) {
    super(remedy === undefined ? what : `${what}\n  ${remedy.replaceAll("\n", "\n  ")}`);
    this.name = "SetupFailure";
  }
}
