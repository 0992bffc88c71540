/** What is an IP address, and which names and addresses only this machine reaches. */

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** 4, 6, or 0 for what is no address. Own code, because loading `node:net` for it would cost each start 3 ms. */
export function ipVersion(text: string): 0 | 4 | 6 {
  if (IPV4.test(text)) return 4;
  return /^[0-9a-fA-F:.]+$/.test(text) && text.includes(":") && URL.canParse(`http://[${text}]/`) ? 6 : 0;
}

/** Other names may resolve to anything and do not count. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  return name === "localhost" || name === "::1" || (name.startsWith("127.") && ipVersion(name) === 4);
}
