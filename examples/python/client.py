"""A client of an ibcm service in Python: connects to a listener, sends a message, prints the answer, and disconnects.

    pip install grpcio grpcio-tools
    ibcm serve --address 10.0.0.1 --socket /tmp/ibcm.sock &
    python3 client.py unix:/tmp/ibcm.sock HOST PORT [TEXT]

The published messages are compiled when this runs; see proto/ibcm/v1/ibcm.proto for what they mean.
"""

import itertools
import os
import queue
import sys
import threading

import grpc

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../proto"))
protos, services = grpc.protos_and_services("ibcm/v1/ibcm.proto")


class Service:
    """One stream: calls go out, answers and events come in. All that the client has made ends with it."""

    def __init__(self, address, name):
        self._ids = itertools.count(1)
        self._calls = queue.SimpleQueue()
        self._answers = {}
        self._arrived = threading.Condition()
        self._over = None
        self.events = queue.SimpleQueue()
        self._channel = grpc.insecure_channel(address)
        stream = services.IbcmStub(self._channel).Session(iter(self._calls.get, None))
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()
        self.welcome = self.call("hello", name=name, pid=os.getpid())

    def call(self, call, **request):
        """Makes a call, by its name in ClientMessage, and waits for the answer."""
        call_id = next(self._ids)
        message = protos.ClientMessage(call_id=call_id)
        field = getattr(message, call)
        field.SetInParent()
        for name, value in request.items():
            setattr(field, name, value)
        self._calls.put(message)
        with self._arrived:
            self._arrived.wait_for(lambda: call_id in self._answers or self._over is not None)
            answer = self._answers.pop(call_id, None)
        if answer is None:
            raise RuntimeError(f"the service has gone: {self._over}")
        if answer.HasField("error"):
            raise RuntimeError(f"{answer.error.code}: {answer.error.message}")
        return getattr(answer, call)

    def close(self):
        self._calls.put(None)
        self._channel.close()

    def _read(self, stream):
        over = "it has ended the stream"
        try:
            for message in stream:
                if message.HasField("answer"):
                    with self._arrived:
                        self._answers[message.answer.call_id] = message.answer
                        self._arrived.notify_all()
                elif message.HasField("event"):
                    self.events.put(message.event)
                else:
                    over = message.farewell.message
        except grpc.RpcError as error:
            over = error.details()
        with self._arrived:
            self._over = over
            self._arrived.notify_all()


def main(address, host, port, text="hello"):
    service = Service(address, name="python")
    print("adapter", ", ".join(service.welcome.addresses))
    try:
        connection = service.call("connect", host=host, port=int(port), private_data=text.encode())
        print("connected to", connection.remote.address, "queue pair", connection.remote.qpn)
        service.call("send", handle=connection.handle, data=text.encode())
        received = service.call("receive", handle=connection.handle)
        print("received", received.message.data.decode())
        print(service.call("disconnect", handle=connection.handle).cause)
    finally:
        service.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
