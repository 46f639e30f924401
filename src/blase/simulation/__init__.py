"""An independent simulator of observations, for demonstrations and for tests of the fit."""

from blase.simulation.observation import Simulation, Truth, simulate_observation
from blase.simulation.orders import OrderSetup, OrdersSimulation, simulate_orders
from blase.simulation.scatter import EXACT, STELLAR, TELLURIC, LineScatter, TrueLines

__all__ = [
    "EXACT",
    "STELLAR",
    "TELLURIC",
    "LineScatter",
    "OrderSetup",
    "OrdersSimulation",
    "Simulation",
    "TrueLines",
    "Truth",
    "simulate_observation",
    "simulate_orders",
]
