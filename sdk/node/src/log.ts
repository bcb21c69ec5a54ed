// Log lines of a guard. They never contain a token or a secret.

/** A log line, with further members as fields. */
export interface LogEntry {
  level: "debug" | "info" | "warn" | "error";
  message: string;
  [field: string]: unknown;
}

/** Receives log lines. */
export type Log = (entry: LogEntry) => void;

/** Writes warnings and errors to the console. */
export function writeLog({ level, message, ...fields }: LogEntry): void {
  if (level === "warn") console.warn(`rolecall: ${message}`, fields);
  if (level === "error") console.error(`rolecall: ${message}`, fields);
}
