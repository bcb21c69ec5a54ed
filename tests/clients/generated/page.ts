// Calls the server as docs/generated-clients.md does.
export async function me(token: string): Promise<string> {
  // the program of the page
  return me.username;
}
