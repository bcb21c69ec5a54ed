// Calls the server with the client that openapi-generator made in ./rolecall: prints what the answers contain.
import {
  AuditApi, ClientsApi, Configuration, type Decision, DecisionsApi, ListAuditEntriesKindEnum, PolicyApi, TokensApi,
  UsersApi,
} from "./rolecall";
import { me } from "./page";

declare const process: { argv: string[]; exit(code: number): never };

const [url = "", token = "", admin = "", name = ""] = process.argv.slice(2);
const configuration = new Configuration({ basePath: url, accessToken: token });

function kinds(decision: Decision): string[] {
  return decision.because.map((step) => step.kind);
}

async function call(): Promise<void> {
  const client = await new ClientsApi(configuration).createClient({
    clientInput: { name, grants: ["client_credentials"], roles: ["rolecall.resource-server"] },
  });
  const user = await new UsersApi(configuration).createUser({ userInput: { username: name } });
  const decide = (subject: string) =>
    new DecisionsApi(configuration).decide({ decisionRequest: { subject, permission: "rolecall.users:read" } });
  const denied = await decide(user.id);
  const allowed = await decide(admin);
  const introspection = await new TokensApi(configuration).introspectToken({
    token: "unknown", clientId: client.clientId, clientSecret: client.clientSecret,
  });
  const policy = await new PolicyApi(configuration).getPolicy();
  const audit = new AuditApi(configuration);
  const changes = await audit.listAuditEntries({ kind: ListAuditEntriesKindEnum.Change });
  const events = await audit.listAuditEntries({ kind: ListAuditEntriesKindEnum.Event });

  console.log(JSON.stringify({
    secret: client.clientSecret,
    reset_code: user.resetCode,
    email: user.email,
    denied: { allowed: denied.allowed, kinds: kinds(denied) },
    allowed: { allowed: allowed.allowed, kinds: kinds(allowed) },
    active: introspection.active,
    roles: Object.keys(policy.roles ?? {}).sort(),
    change: changes.items[0]?.actor,
    event: events.items[0]?.kind,
    me: await me(token),
  }));
}

call().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
