import { openAdapter } from 'ibcm';

/** Two endpoints over loopback, on real sockets (UDP port 4791): what most programs need. Their addresses may be given. */
const [serverAddress = '127.0.0.1', clientAddress = '127.0.0.2'] = process.argv.slice(2);
const server = await openAdapter({ address: serverAddress });
const client = await openAdapter({ address: clientAddress });
const textOf = (bytes) => new TextDecoder().decode(bytes).replace(/\0+$/, '');
const bytesOf = (text) => new TextEncoder().encode(text);

const listener = await server.listen({ port: 7471 });
const services = await server.listenDatagram({ port: 7471 });

async function accept() {
  for await (const request of listener) {
    console.log(`server: asked by "${textOf(request.privateData)}"`);
    const connection = await request.accept({ privateData: bytesOf('welcome') });
    const { queuePair } = connection;
    connection.addEventListener('close', ({ cause }) => console.log(`server: closed, ${cause}, ${queuePair.state}`));
  }
}

async function serve() {
  for await (const request of services) request.accept({ qpn: 0x42 });
}

const serving = Promise.all([accept(), serve()]);

const connection = await client.connect({ host: serverAddress, port: 7471, privateData: bytesOf('hello') });
const { queuePair } = connection;
console.log(`client: told "${textOf(connection.privateData)}", the queue pair is in ${queuePair.state}`);
console.log(`client: ${await connection.disconnect()}, the queue pair is in ${queuePair.state}`);

const { qpn } = await client.lookup({ host: serverAddress, port: 7471 });
console.log(`client: datagrams go to queue pair 0x${qpn.toString(16)}`);

// Nobody listens there: the error says who refused, and why.
await client.connect({ host: serverAddress, port: 7472 }).catch(({ message }) => console.log(`client: ${message}`));

await client.close();
await server.close();
await serving;
