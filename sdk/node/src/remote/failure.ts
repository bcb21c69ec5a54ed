/** The reason why a request to the issuer failed. It never contains a secret or a token. */
export class Failure extends Error {
  constructor(message: string, readonly status?: number) {
    super(message);
    this.name = "Failure";
  }

  /** Returns true if the issuer refused the request, so that trying again soon will not help. */
  get isRefusal(): boolean {
    return this.status !== undefined && this.status >= 400 && this.status < 500;
  }

  static status(request: string, status: number): Failure {
    return new Failure(`the issuer answered ${status} to ${request}`, status);
  }

  static malformed(what: string): Failure {
    return new Failure(`the issuer's ${what} cannot be parsed`);
  }

  /** Creates a failure from any error. */
  static of(error: unknown): Failure {
    if (error instanceof Failure) return error;
    return new Failure(`the issuer cannot be reached: ${error instanceof Error ? error.message : String(error)}`);
  }
}
