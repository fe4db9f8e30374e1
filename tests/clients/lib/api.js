// Our own REST API.
import { apiToken } from './token.js';

/** Calls the API; returns `{ status, body }`. */
export async function callApi(server, method, path, body, headers = {}) {
  const response = await fetch(`${server.http}/api/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${apiToken(server)}`, ...headers },
    body: body && JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}
